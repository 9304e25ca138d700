// An HTTPS server on Node: PORT CERTIFICATE KEY [MOST] [PARTNERS]; with PARTNERS it demands client certificates of those CAs.
const https = require('https');
const fs = require('fs');

const [port, certificate, key, most, partners] = process.argv.slice(2);
const options = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key), maxVersion: most || 'TLSv1.3' };
if (partners) {
  options.ca = fs.readFileSync(partners);
  options.requestCert = true;
  options.rejectUnauthorized = true;
}
const server = https.createServer(options, (request, answer) => {
  answer.setHeader('Connection', 'close');
  answer.end('all is well\n');
});
server.on('tlsClientError', (error) => console.log('refused:', error.code, error.message));
server.listen(Number(port));
