// An HTTPS client on Node: HOST PORT ANCHORS [MOST] [CERTIFICATE KEY]; one GET, then the end.
const https = require('https');
const fs = require('fs');

const [host, port, anchors, most, certificate, key] = process.argv.slice(2);
const options = { host, port: Number(port), path: '/', servername: host, ca: fs.readFileSync(anchors), agent: false };
options.maxVersion = most || 'TLSv1.3';
if (certificate) {
  options.cert = fs.readFileSync(certificate);
  options.key = fs.readFileSync(key);
}
const request = https.get(options, (answer) => {
  answer.on('data', (text) => process.stdout.write(text));
  answer.on('end', () => process.exit(0));
});
request.on('error', (error) => {
  console.error(error.code, error.message);
  process.exit(1);
});
