// An HTTPS server on Node that does what one word of JSON says (lab/live/nodejs.py writes it).
const https = require('https');
const fs = require('fs');

const { address, port, options, sites, unknown, partners, auth } = JSON.parse(process.argv[2]);
const files = (pairs) => ({
  cert: pairs.map((pair) => fs.readFileSync(pair[0])),
  key: pairs.map((pair) => fs.readFileSync(pair[1])),
});
if (options.dhparam) options.dhparam = fs.readFileSync(options.dhparam);
if (auth !== 'none') {
  options.ca = fs.readFileSync(partners);
  options.requestCert = true;
  options.rejectUnauthorized = auth === 'required';
}
const own = unknown === 'reject' ? {} : files(sites['']);
const server = https.createServer({ ...options, ...own }, (request, answer) => {
  answer.setHeader('Connection', 'close');
  answer.end('all is well\n');
});
for (const [name, pairs] of Object.entries(sites)) {
  if (name) server.addContext(name, { ...options, ...files(pairs) });
}
server.on('tlsClientError', (error) => console.log('refused:', error.code, error.message));
server.listen(port, address);
