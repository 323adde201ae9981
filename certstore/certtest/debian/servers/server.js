const https = require('https'), fs = require('fs');
const [port, pki, reject] = process.argv.slice(2);
https.createServer({ key: fs.readFileSync(pki + '/server.key'), cert: fs.readFileSync(pki + '/server.pem'), ca: fs.readFileSync(pki + '/ca.pem'),
  requestCert: true, rejectUnauthorized: reject === 'yes' }, (q, s) => s.end('ok')).listen(Number(port), '127.0.0.1');
