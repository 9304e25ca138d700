// Calls the Management API through apigee-edge-js: node edge_clients.js PACKAGES URL USER TOKEN FOLDER. One line of JSON for each call.
'use strict';
const [packages, mgmtServer, user, password, folder] = process.argv.slice(2);
const fs = require('fs');
const path = require('path');
const edge = require(path.join(packages, 'node_modules', 'apigee-edge-js')).edge;
const environment = 'test';
const read = name => fs.readFileSync(path.join(folder, name), 'utf8');

async function play(org) {
  const store = { environment, keystore: 'edge-js' };
  const steps = [
    ['environments.get', () => org.environments.get(), r => r.includes('test')],
    ['keystores.create', () => org.keystores.create({ environment, name: 'edge-js' }), r => r.name === 'edge-js'],
    ['keystores.get (all)', () => org.keystores.get({ environment }), r => r.includes('edge-js')],
    ['keystores.importCert, with key', () => org.keystores.importCert({ environment, name: 'edge-js', alias: 'pair', certificate: read('chain.pem'), key: read('key.pem') }),
      r => r.certsInfo.certInfo.length === 2 && r.keyName === 'pair'],
    ['keystores.importCert, with an encrypted key', () => org.keystores.importCert({ environment, name: 'edge-js', alias: 'locked', certificate: read('chain.pem'),
      key: read('locked.pem'), keyPassword: 'secret' }), r => r.keyName === 'locked'],
    ['keystores.importCert, trust', () => org.keystores.importCert({ environment, name: 'edge-js', alias: 'root', certificate: read('root.pem') }), r => !('keyName' in r)],
    ['keystores.newSelfSignedCert', () => org.keystores.newSelfSignedCert({ ...store, alias: 'own', spec: { subject: { commonName: 'own.test' }, lifetime: 30 } }),
      r => r.certsInfo.certInfo[0].subject === 'CN=own.test'],
    ['keystores.getAliases', () => org.keystores.getAliases(store), r => r.includes('own') && r.includes('pair')],
    ['keystores.getAlias', () => org.keystores.getAlias({ ...store, alias: 'pair' }), r => r.certsInfo.certInfo[0].isValid === 'Yes'],
    ['keystores.get (one)', () => org.keystores.get({ environment, name: 'edge-js' }), r => r.keys.includes('pair') && !r.keys.includes('root')],
    ['references.create', () => org.references.create({ environment, name: 'edge-js-ref', refers: 'edge-js' }), r => r.refers === 'edge-js'],
    ['references.get', () => org.references.get({ environment, name: 'edge-js-ref' }), r => r.resourceType === 'KeyStore'],
    ['references.update', () => org.references.update({ environment, name: 'edge-js-ref', refers: 'edge-js' }), r => r.name === 'edge-js-ref'],
    ['references.createOrUpdate, there', () => org.references.createOrUpdate({ environment, name: 'edge-js-ref', refers: 'edge-js' }), r => r.name === 'edge-js-ref'],
    ['references.createOrUpdate, new', () => org.references.createOrUpdate({ environment, name: 'edge-js-new', refers: 'edge-js' }), r => r.name === 'edge-js-new'],
    ['environments.createVhost', () => org.environments.createVhost({ environment, vhost: 'edge-js', aliases: ['edge-js.test'], keyStore: 'ref://edge-js-ref', keyAlias: 'pair' }),
      r => r.sSLInfo.enabled === 'true'],
    ['environments.getVhost', () => org.environments.getVhost({ environment, vhost: 'edge-js' }), r => r.port === '443'],
    ['targetservers.create', () => org.targetservers.create({ environment, target: { name: 'edge-js', host: 'backend.test', port: 443, isEnabled: true,
      sSLInfo: { enabled: 'true', keyStore: 'ref://edge-js-ref', keyAlias: 'pair', clientAuthEnabled: 'true' } } }), r => r.sSLInfo.clientAuthEnabled === 'true'],
    ['targetservers.disable', () => org.targetservers.disable({ environment, name: 'edge-js' }), r => r.isEnabled === false],
    ['targetservers.get', () => org.targetservers.get({ environment, name: 'edge-js' }), r => r.isEnabled === false && r.sSLInfo.keyAlias === 'pair'],
    ['proxies.importFromDir', () => org.proxies.importFromDir({ name: 'edge-js', source: path.join(folder, 'bundle') }), r => r.revision === '1'],
    ['proxies.getRevisions', () => org.proxies.getRevisions({ name: 'edge-js' }), r => r.length === 1],
    ['proxies.deploy', () => org.proxies.deploy({ name: 'edge-js', revision: 1, environment }), r => r.state === 'deployed'],
    ['proxies.getDeployments', () => org.proxies.getDeployments({ name: 'edge-js' }), r => r.environment[0].revision[0].state === 'deployed'],
    ['proxies.getEndpoint', () => org.proxies.getEndpoint({ name: 'edge-js', revision: 1, endpoint: 'default' }), r => r.connection.basePath === '/weather'],
    ['proxies.export', () => org.proxies.export({ name: 'edge-js', revision: 1 }), r => r.buffer.length > 100],
    ['proxies.getPoliciesForRevision', () => org.proxies.getPoliciesForRevision({ name: 'edge-js', revision: 1 }), r => r.includes('Quota')],
    ['proxies.undeploy', () => org.proxies.undeploy({ name: 'edge-js', environment }), () => true],
    ['proxies.del', () => org.proxies.del({ name: 'edge-js' }), () => true],
    ['targetservers.del', () => org.targetservers.del({ environment, name: 'edge-js' }), r => r.name === 'edge-js'],
    ['environments.deleteVhost', () => org.environments.deleteVhost({ environment, vhost: 'edge-js' }), r => r.name === 'edge-js'],
    ['references.del', () => org.references.del({ environment, name: 'edge-js-new' }), r => r.name === 'edge-js-new'],
    ['references.del, the other', () => org.references.del({ environment, name: 'edge-js-ref' }), r => r.name === 'edge-js-ref'],
    ['keystores.del', () => org.keystores.del({ environment, name: 'edge-js' }), r => r.name === 'edge-js'],
  ];
  for (const [call, act, holds] of steps) {
    let answer, works = false;
    try { answer = await act(); works = Boolean(holds(answer)); } catch (error) { answer = String(error.message || error) + ' ' + JSON.stringify(error.result || ''); }
    console.log(JSON.stringify({ call, works, answer: works ? '' : JSON.stringify(answer) }));
  }
}

async function main() {
  for (const [call, options] of [['connect, basic', { no_token: true }], ['connect, sign-in', { ssoUrl: mgmtServer, forcenew: true }]]) {
    let answer = '', works = false, org;
    try { org = await edge.connect({ org: 'local', mgmtServer, user, password, ...options }); works = Boolean(await org.keystores.get({ environment })); }
    catch (error) { answer = String(error.message || error); }
    console.log(JSON.stringify({ call, works, answer }));
    if (works && options.no_token) await play(org);
  }
}
main();
