// ads-client (npm) against a server: node ads_client.mjs CASE HOST PORT NETID [local]. Prints one JSON object.
import { Client } from 'ads-client';

const [what, host, port, netId, mode] = process.argv.slice(2);
// Remote: with a NetId of its own and no port connect. Local: the router gives it a port, as TwinCAT's own would.
const settings = mode === 'local'
  ? { targetAmsNetId: netId, targetAdsPort: 851, routerAddress: host, routerTcpPort: Number(port) }
  : {
      targetAmsNetId: netId, targetAdsPort: 851, routerAddress: host, routerTcpPort: Number(port),
      localAmsNetId: '10.1.2.3.1.1', localAdsPort: 32750,
    };
const client = new Client({ timeoutDelay: 5000, hideConsoleWarnings: true, ...settings });
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const plain = (_, value) => (typeof value === 'bigint' ? value.toString() : value instanceof Date ? value.toISOString()
  : Buffer.isBuffer(value) ? value.toString('hex') : value);
const value = async (path) => (await client.readValue(path)).value;

async function collect(path, cycle, count, options = {}) {
  const samples = [];
  let sub;
  await new Promise(async (done) => {
    sub = await client.subscribe({
      target: path, cycleTime: cycle, sendOnChange: options.onChange ?? true, maxDelay: options.maxDelay ?? 0,
      callback: (data) => {
        samples.push({ value: data.value, at: data.timestamp.getTime(), now: Date.now() });
        if (samples.length === count) done();
      },
    });
  });
  await client.unsubscribe(sub);
  return samples;
}

const cases = {
  async connect() {
    const info = await client.readDeviceInfo();
    return {
      info, plc: await client.readPlcRuntimeState(), system: await client.readTcSystemState(),
      extended: await client.readTcSystemExtendedState(), version: await client.readPlcSymbolVersion(),
      upload: await client.readPlcUploadInfo(), local: client.connection.localAmsNetId, port: client.connection.localAdsPort,
    };
  },
  async values() {
    const names = ['bBool', 'nByte', 'nWord', 'nDword', 'nLword', 'nSint', 'nUsint', 'nInt', 'nUint', 'nDint', 'nUdint',
      'nLint', 'nUlint', 'fReal', 'fLreal', 'tTime', 'tLtime', 'dDate', 'tTimeOfDay', 'dtDateAndTime', 'nPercent'];
    const out = {};
    for (const name of names) out[name] = await value(`GVL_Types.${name}`);
    for (const name of ['sText', 'sUtf8', 'wsText', 'sLong', 'sEmpty', 'aTexts']) out[name] = await value(`GVL_Text.${name}`);
    for (const name of ['eMode', 'eColour', 'stPoint', 'stBits', 'stPacked', 'aAxes', 'aGrid', 'aNested']) {
      out[name] = await value(`GVL_Struct.${name}`);
    }
    out.pointed = (await client.readRawByPath('GVL_Pointer.pTarget^')).readInt32LE(0);
    return out;
  },
  async writes() {
    await client.writeValue('GVL_Types.nInt', 321);
    await client.writeValue('GVL_Text.sText', 'äöü €');
    await client.writeValue('GVL_Text.sUtf8', '漢字 Ω');
    await client.writeValue('GVL_Text.wsText', 'Ω wide');
    await client.writeValue('GVL_Struct.eMode', 'Manual');
    await client.writeValue('GVL_Struct.stPoint', { x: 9.5, y: 8.25 });
    await client.writeValue('GVL_Struct.stPoint', { y: 1.75 }, true);
    await client.writeValue('MAIN.aInts', [5, 4, 3, 2, 1]);
    await client.writeValue('GVL_Struct.aAxes[2].stTarget.x', 77.5);
    let refused = '';
    try { await client.writeValue('Constants.nMax', 5); } catch (fault) { refused = fault.adsError?.errorCode ?? fault.message; }
    const out = { refused };
    for (const path of ['GVL_Types.nInt', 'GVL_Text.sText', 'GVL_Text.sUtf8', 'GVL_Text.wsText', 'GVL_Struct.eMode',
      'GVL_Struct.stPoint', 'MAIN.aInts', 'GVL_Struct.aAxes[2].stTarget.x']) out[path] = await value(path);
    return out;
  },
  async symbols() {
    const symbols = await client.getSymbols();
    const types = await client.getDataTypes();
    return { symbols: Object.keys(symbols).length, types: Object.keys(types).length,
      one: (await client.getSymbol('GVL_Struct.aAxes')).type, axis: await client.getDataType('ST_Axis') };
  },
  async notify() {
    const constant = await collect('GVL_Types.nInt', 100, 1);
    const fast = await collect('GVL_Live.nCounter', 10, 30);
    const started = Date.now();
    const delayed = await collect('GVL_Types.nUint', 100, 1, { maxDelay: 2000 });
    return { constant, gaps: fast.slice(1).map((s, i) => s.at - fast[i].at), counts: fast.map((s) => s.value),
      delayed: delayed[0].now - started };
  },
  async rpc() {
    const add = await client.invokeRpcMethod('MAIN.fbCalculator', 'Add', { nA: 20, nB: 22 });
    const divide = await client.invokeRpcMethod('MAIN.fbCalculator', 'Divide', { fA: 7, fB: 2 });
    const echo = await client.invokeRpcMethod('MAIN.fbCalculator', 'Echo', { sText: 'hello' });
    const move = await client.invokeRpcMethod('MAIN.fbCalculator', 'Move', { stFrom: { x: 1, y: 2 }, fX: 3, fY: 4 });
    return { add, divide, echo, move };
  },
  async sums() {
    const many = async (count) => (await client.readRawMulti(
      Array.from({ length: count }, (_, i) => ({ indexGroup: 0x4020, indexOffset: 4 * i + 2000, size: 4 })),
    )).filter((one) => one.success).length;
    const handles = await client.createVariableHandleMulti(['GVL_Types.nInt', 'GVL_Types.nDint', 'No.such']);
    const written = await client.writeRawMulti([
      { indexGroup: 0x4020, indexOffset: 3000, value: Buffer.from([1, 2, 3, 4]) },
      { indexGroup: 0x1234, indexOffset: 0, value: Buffer.from([1]) },
    ]);
    const read = await client.readRaw(0x4020, 3000, 4);
    const both = await client.readWriteRawMulti([
      { indexGroup: 0xF003, indexOffset: 0, size: 4, value: Buffer.from('GVL_Types.nInt\0') },
      { indexGroup: 0xF003, indexOffset: 0, size: 4, value: Buffer.from('nobody\0') },
    ]);
    await client.deleteVariableHandleMulti(handles.filter((h) => h.success).map((h) => h.handle));
    return { of500: await many(500), of5000: (await Promise.all(Array.from({ length: 10 }, () => many(500)))).reduce((a, b) => a + b),
      handles: handles.map((h) => h.success), written: written.map((w) => w.success), read: read.toString('hex'),
      both: both.map((b) => b.success) };
  },
  async state() {
    await client.stopPlc();
    const stopped = (await client.readPlcRuntimeState()).adsStateStr;
    await client.startPlc();
    return { stopped, running: (await client.readPlcRuntimeState()).adsStateStr };
  },
  async config() {
    await client.setTcSystemToConfig();
    const config = (await client.readTcSystemState()).adsStateStr;
    let plc = 'there';
    try { await client.readState(); } catch (fault) { plc = fault.adsError?.errorCode ?? fault.message; }
    await client.setTcSystemToRun(false, { adsPort: 10000 });
    await wait(200);
    return { config, plc, run: (await client.readTcSystemState()).adsStateStr, again: (await client.readState()).adsStateStr };
  },
  async stay() {  // goes on until its input ends; tells what came after it said "ready"
    let counts = 0, losts = 0, connects = 0;
    client.on('connectionLost', () => { losts += 1; });
    client.on('connect', () => { connects += 1; });
    await client.subscribe({ target: 'GVL_Live.nCounter', cycleTime: 20, callback: () => { counts += 1; } });
    await wait(300);
    console.log(JSON.stringify({ before: counts }));
    await new Promise((done) => process.stdin.once('data', done));
    counts = 0;
    for (let tries = 0; tries < 150 && counts < 5; tries += 1) await wait(100);
    return { after: counts, losts, value: await value('GVL_Types.nInt') };
  },
  async big() {  // every variable Pnn.vN of a generated project; MORE: how many subscriptions
    const [subscriptions] = process.argv.slice(7).map(Number);
    const symbols = Object.values(await client.getSymbols()).filter((one) => /^P\d+\.v\d+$/.test(one.name));
    const values = {};
    for (const one of symbols) values[one.name] = await value(one.name);
    await client.writeValue('MAIN.nSet', -70000);
    const added = await client.invokeRpcMethod('MAIN.fbAdder', 'Add', { nA: 20, nB: 23 });
    const heard = new Map();
    const subs = [];
    for (let at = 0; at < subscriptions; at += 1) {
      const seen = [];
      subs.push(await client.subscribe({ target: `MAIN.aCount[${at}]`, cycleTime: 100, sendOnChange: false,
        callback: (d) => { seen.push(d.value); heard.set(at, seen); } }));
    }
    const enough = () => heard.size === subscriptions && [...heard.values()].every((seen) => seen.length >= 5);
    for (let tries = 0; tries < 200 && !enough(); tries += 1) await wait(100);
    const rising = [...heard.values()].every((seen) => seen.every((v, i) => i === 0 || v > seen[i - 1]));
    for (const sub of subs) await client.unsubscribe(sub);
    return { values, set: await value('MAIN.nSet'), added, heard: heard.size, rising };
  },
  async change() {  // an online change is made while we are subscribed
    let counts = 0, versions = 0;
    client.on('plcSymbolVersionChange', () => { versions += 1; });
    await client.subscribe({ target: 'MAIN.nCycles', cycleTime: 10, callback: () => { counts += 1; } });
    await client.writeValue('MAIN.nSet', 4711);
    const handle = await client.createVariableHandle('MAIN.nSet');
    await wait(300);
    console.log(JSON.stringify({ ready: true }));
    await new Promise((done) => process.stdin.once('data', done));
    for (let tries = 0; tries < 100 && versions < 1; tries += 1) await wait(100);
    let old = 0;
    try { await client.readRawByHandle(handle, 4); } catch (fault) { old = fault.adsError?.errorCode ?? fault.message; }
    await wait(500);
    counts = 0;
    for (let tries = 0; tries < 100 && counts < 5; tries += 1) await wait(100);
    return { old, again: await value('MAIN.nSet'), added: await value('MAIN.nAdded'), versions, counts };
  },
  async share() {  // one of many: MORE are its number and how often
    const [mine, times] = process.argv.slice(7).map(Number);
    const seen = [];
    let wrong = 0;
    const sub = await client.subscribe({ target: 'GVL_Live.nCounter', cycleTime: 50, callback: (d) => seen.push(d.value) });
    console.log(JSON.stringify({ ready: true }));
    await new Promise((done) => process.stdin.once('data', done));
    const heard = seen.length;
    for (let number = 0; number < times; number += 1) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(mine * 1000 + number);
      await client.writeRaw(0x4020, 10000 + 4 * mine, bytes);
      wrong += (await client.readRaw(0x4020, 10000 + 4 * mine, 4)).equals(bytes) ? 0 : 1;
      wrong += (await value('Constants.nMax')) === 100 ? 0 : 1;
    }
    for (let tries = 0; tries < 100 && seen.length < heard + 5; tries += 1) await wait(100);
    await client.unsubscribe(sub);
    return { wrong, faults: [], heard: seen.length - heard, rising: seen.every((v, i) => i === 0 || v > seen[i - 1]) };
  },
};

try {
  await client.connect();
  const result = await cases[what]();
  await new Promise((done) => process.stdout.write(`${JSON.stringify(result, plain)}\n`, done));
  await client.disconnect();
  process.exit(0);
} catch (fault) {
  console.error(fault);
  process.exit(1);
}
