// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import test from 'ava';
import { type ChainId, chainId, chainIdOf, type DiffId, parseChainId, parseDiffId } from '../../lib/index.ts';
import { sha256, tar } from './archive_helper.ts';
import { temporaryDirectory, temporaryStore, write } from './store_helper.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

test('a chain id is the digest of "PARENT DIFFID", a base layer’s is its diff id', (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((digit) => parseDiffId(digest(digit))) as [DiffId, DiffId, DiffId];
  const base = chainId(undefined, a);
  t.is<string, string>(base, a);
  const second = chainId(base, b);
  // printf 'sha256:aaa… sha256:bbb…' | sha256sum
  const hex = createHash('sha256')
    .update(`${digest('a')} ${digest('b')}`)
    .digest('hex');
  t.is<string, string>(second, `sha256:${hex}`);
  t.is(chainIdOf([a, b, c]), chainId(second, c));
  t.is(chainIdOf([]), undefined);
});

test('only sha256 and 64 small hexadecimal digits are an id', (t) => {
  const bad = [
    '',
    'a'.repeat(64),
    digest('A'),
    `${digest('a')} `,
    digest('a').slice(1),
    `sha512:${'a'.repeat(64)}`,
  ];
  for (const text of bad) {
    t.throws(() => parseDiffId(text), { instanceOf: TypeError });
    t.throws(() => parseChainId(text), { instanceOf: TypeError });
    t.throws(() => chainId(text as ChainId, parseDiffId(digest('a'))), { instanceOf: TypeError });
    t.throws(() => chainId(undefined, text as DiffId), { instanceOf: TypeError });
  }
  t.throws(() => parseDiffId(undefined as unknown as string), { instanceOf: TypeError });
  t.is<string, string>(parseChainId(digest('0')), digest('0'));
});

test('a layer of our store has a chain id if all layers down to the base came of archives', async (t) => {
  const store = await temporaryStore(t);
  const [one, two] = [tar([{ name: 'a', data: 'a' }]), tar([{ name: 'b', data: 'b' }])];
  const { layer: base } = await store.apply([one]);
  const { layer: next } = await store.apply([two], { parent: base });
  t.is<string | undefined, string>(await base.chainId(), sha256(one));
  t.is(await next.chainId(), chainIdOf([sha256(one), sha256(two)]));
  t.is((await store.inspect(next)).chainId, chainIdOf([sha256(one), sha256(two)]) ?? null);

  const from = await temporaryDirectory(t);
  await write(from, { x: '' });
  const copied = await store.createLayer({ from });
  const { layer: onCopy } = await store.apply([one], { parent: copied });
  t.is(await copied.chainId(), undefined);
  t.is(await onCopy.chainId(), undefined);
});
