// Records what each test of `node --test` did. It runs in node's own process; the tests run in
// others, which never see the key that it reads from standard input.
import { createHmac } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const { key, report } = JSON.parse(readFileSync(0, 'utf8'));
let before = '';

function record(fields) {
  const payload = JSON.stringify(fields);
  before = createHmac('sha256', Buffer.from(key, 'hex')).update(before + payload).digest('hex');
  appendFileSync(report, `${before} ${payload}\n`);
}

function outcome(type, data) {
  if (data.skip !== undefined || data.todo !== undefined) return 'skipped';
  return type === 'test:pass' ? 'passed' : 'failed';
}

// without those of node itself
function frames(stack) {
  return stack.split('\n').filter((line) => !/^ +at .*\(?node:/.test(line)).join('\n');
}

export default async function* reporter(source) {
  const names = [];
  let failed = 0;
  for await (const { type, data } of source) {
    if (type === 'test:start') {
      names.length = data.nesting;
      names[data.nesting] = data.name;
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const file = data.file === undefined ? '' : relative(process.cwd(), data.file);
    const whole = data.name === data.file || data.name === file;
    const error = data.details?.error;
    const cause = error?.cause ?? error;
    const how = outcome(type, data);
    if (how === 'failed') failed += 1;
    if (error?.failureType === 'subtestsFailed') continue;
    if (data.details?.type === 'suite' && how === 'passed') continue;
    names[data.nesting] = data.name;
    record({
      type: 'phase',
      id: whole ? file : `${file}::${names.slice(0, data.nesting + 1).join(' > ')}`,
      outcome: how,
      message: how === 'failed' ? String(cause?.message ?? cause) : '',
      trace: how === 'failed' ? frames(String(cause?.stack ?? cause)) : '',
    });
  }
  record({ type: 'finish', exit: failed > 0 ? 1 : 0 });
}
