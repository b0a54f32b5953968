// node-ads (npm) against a server: node node_ads.mjs CASE HOST PORT NETID. Prints one JSON object.
import ads from 'node-ads';

const [what, host, port, netId] = process.argv.slice(2); // then MORE of the case
const options = {
  host, port: Number(port), amsNetIdTarget: netId, amsNetIdSource: '10.1.2.4.1.1', amsPortSource: 32905,
  amsPortTarget: 851, timeout: 5000,
};
let client = ads.connect(options, () => { run().catch(fail); });
client.on('error', fail);

function fail(fault) {
  console.error(fault);
  process.exit(1);
}

// A node-ads call with a callback as a promise.
const call = (name, ...given) => new Promise((done, refuse) => {
  client[name](...given, (fault, result) => (fault ? refuse(fault) : done(result)));
});
const handle = (symname, bytelength, more = {}) => ({ symname, bytelength, ...more });

const cases = {
  async values() {
    const read = async (...given) => (await call('read', handle(...given))).value;
    return {
      state: await call('readState'), info: await call('readDeviceInfo'),
      bool: await read('GVL_Types.bBool', ads.BOOL), int: await read('GVL_Types.nInt', ads.INT),
      udint: await read('GVL_Types.nUdint', ads.UDINT), lreal: await read('GVL_Types.fLreal', ads.LREAL),
      time: await read('GVL_Types.tTime', ads.TIME), text: await read('GVL_Text.sLong', ads.string(1000)),
      array: await read('MAIN.aInts', ads.array(ads.INT, 0, 4)),
    };
  },
  async writes() {
    await call('write', handle('GVL_Types.nInt', ads.INT, { value: -77 }));
    await call('write', handle('GVL_Types.fLreal', ads.LREAL, { value: 1.5 }));
    return { int: (await call('read', handle('GVL_Types.nInt', ads.INT))).value,
      lreal: (await call('read', handle('GVL_Types.fLreal', ads.LREAL))).value };
  },
  async multi() {
    const list = ['nInt', 'nUint', 'nDint'].map((n, i) => handle(`GVL_Types.${n}`, [ads.INT, ads.UINT, ads.DINT][i]));
    const read = await call('multiRead', list);
    // One at a time: node-ads 1.5 writes the head of every item over that of the first.
    await call('multiWrite', [handle('GVL_Types.nUint', ads.UINT, { value: 12 })]);
    await call('multiWrite', [handle('GVL_Types.nDint', ads.DINT, { value: -12 })]);
    const again = await call('multiRead', list.map((h) => handle(h.symname, h.bytelength)));
    return { read: read.map((h) => h.value), again: again.map((h) => h.value) };
  },
  async symbols() {
    const symbols = await new Promise((done, refuse) => {  // this one takes its callback first
      client.getSymbols((fault, found) => (fault ? refuse(fault) : done(found)), false);
    });
    const types = await call('getDatatyps');
    const named = Object.fromEntries(symbols.map((s) => [s.name, s]));
    return { symbols: symbols.length, types: types.length,
      element: Boolean(named['MAIN.AINTS[3]'] ?? named['MAIN.aInts[3]']),
      member: Boolean(named['GVL_STRUCT.AAXES[2].STTARGET.X'] ?? named['GVL_Struct.aAxes[2].stTarget.x']),
      names: symbols.map((s) => s.name).filter((n) => /aaxes/i.test(n)).slice(0, 8) };
  },
  notify() {
    return new Promise((done) => {
      const seen = [];
      client.on('notification', (one) => {
        seen.push(one.value);
        if (seen.length === 10) done({ seen });
      });
      client.notify(handle('GVL_Live.nCounter', ads.UDINT, { cycleTime: 20 }));
    });
  },
  async big() {  // every whole number among the variables Pnn.vN; node-ads knows the rest of the types by length only
    const symbols = await new Promise((done, refuse) => {
      client.getSymbols((fault, found) => (fault ? refuse(fault) : done(found)), true);
    });
    const wanted = symbols.filter((one) => /^P\d+\.v\d+$/i.test(one.name) && ads[one.type] && !/TIME|WORD|INT64|^L|^UL/.test(one.type));
    const values = {};
    for (const one of wanted) values[one.name] = (await call('read', handle(one.name, ads[one.type]))).value;
    return { symbols: symbols.length, values };
  },
  async stay() {  // the server dies and comes back: what this client says then, and what a new one has
    const before = (await call('read', handle('GVL_Types.nInt', ads.INT))).value;
    console.log(JSON.stringify({ ready: true }));
    await new Promise((done) => process.stdin.once('data', done));
    client.removeListener('error', fail);
    const lost = await new Promise((done) => {
      client.on('error', (fault) => done(String(fault)));  // stays: it may tell more than one
      call('read', handle('GVL_Types.nInt', ads.INT)).then(() => done(''), (fault) => done(String(fault)));
    });
    await new Promise((done) => { client = ads.connect(options, done); });
    client.on('error', fail);
    const after = (await call('read', handle('GVL_Types.nInt', ads.INT))).value;
    return { before, lost: lost !== '', after, notified: (await cases.notify()).seen.length };
  },
  async share() {  // one of many: MORE are its number and how often
    const [mine, times] = process.argv.slice(6).map(Number);
    const seen = [];
    let wrong = 0;
    client.on('notification', (one) => { seen.push(one.value); });
    await call('notify', handle('GVL_Live.nCounter', ads.UDINT, { cycleTime: 50 }));
    console.log(JSON.stringify({ ready: true }));
    await new Promise((done) => process.stdin.once('data', done));
    const heard = seen.length;
    const place = { indexGroup: 0x4020, indexOffset: 10000 + 4 * mine, bytelength: ads.UDINT };
    for (let number = 0; number < times; number += 1) {
      await call('write', { ...place, value: mine * 1000 + number });
      wrong += (await call('read', { ...place })).value === mine * 1000 + number ? 0 : 1;
      wrong += (await call('read', handle('Constants.nMax', ads.INT))).value === 100 ? 0 : 1;
    }
    for (let tries = 0; tries < 100 && seen.length < heard + 5; tries += 1) await new Promise((done) => setTimeout(done, 100));
    return { wrong, faults: [], heard: seen.length - heard, rising: seen.every((v, i) => i === 0 || v > seen[i - 1]) };
  },
};

async function run() {
  const result = await cases[what]();
  await new Promise((done) => process.stdout.write(`${JSON.stringify(result)}\n`, done));
  client.end(() => process.exit(0));
  setTimeout(() => process.exit(0), 1000);
}
