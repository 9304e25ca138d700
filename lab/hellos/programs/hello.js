// One handshake of Node's https: HOST PORT.
const https = require('https');

const request = https.get({ host: process.argv[2], port: Number(process.argv[3]), path: '/', agent: false });
request.on('error', (error) => {
  console.error(error.code, error.message);
  process.exit(1);
});
