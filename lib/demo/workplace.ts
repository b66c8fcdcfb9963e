// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CopyUp, Mount } from '../mount.ts';
import type { Union } from '../union.ts';

/** What is done to the union in the demo. Paths are relative to its root. */
export interface Workplace {
  /** How, for people: what stands before each step. */
  readonly how: string;
  read(path: string): Promise<string>;
  /** Names in a directory, sorted, those that begin with a dot included. */
  list(path: string): Promise<string[]>;
  append(path: string, text: string): Promise<void>;
  /** Replaces the first `from` of each line, as sed does. `from` is plain text without a slash. */
  edit(path: string, from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  move(from: string, to: string): Promise<void>;
  copyUps(): Promise<readonly CopyUp[]>;
}

const run = promisify(execFile);

/** Other programs do it, through ordinary file calls on the mount. */
export class MountedWorkplace implements Workplace {
  readonly how = 'other programs on the mount';
  readonly #mount: Mount;
  readonly #say: (command: string) => void;

  /** `say` is told of every program that is run. */
  constructor(mount: Mount, say: (command: string) => void) {
    this.#mount = mount;
    this.#say = say;
  }

  read(path: string): Promise<string> {
    return this.#output('cat', [path]);
  }

  async list(path: string): Promise<string[]> {
    return (await this.#output('ls', ['-A', path]))
      .split('\n')
      .filter((name) => name !== '')
      .sort();
  }

  async append(path: string, text: string): Promise<void> {
    await this.#output('sh', ['-c', 'printf %s "$1" >> "$2"', 'sh', text, path]);
  }

  async edit(path: string, from: string, to: string): Promise<void> {
    await this.#output('sed', ['-i', `s/${from}/${to}/`, path]);
  }

  async remove(path: string): Promise<void> {
    await this.#output('rm', [path]);
  }

  async removeDirectory(path: string): Promise<void> {
    await this.#output('rm', ['-r', path]);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#output('mkdir', [path]);
  }

  async move(from: string, to: string): Promise<void> {
    await this.#output('mv', [from, to]);
  }

  copyUps(): Promise<readonly CopyUp[]> {
    return this.#mount.copyUps();
  }

  async #output(program: string, args: readonly string[]): Promise<string> {
    const env = { ...process.env, LC_ALL: 'C' };
    const options = { cwd: this.#mount.target, env, maxBuffer: 64 * 1024 * 1024 };
    this.#say(['$', program, ...args.map(quoted)].join(' '));
    return (await run(program, args, options)).stdout;
  }
}

/** As one would type it. */
function quoted(word: string): string {
  return /^[\w./@:=+-]+$/.test(word) ? word : `'${word.replaceAll('\n', '\\n')}'`;
}

/** The engine in this process does it: no mount, no privilege. */
export class UnionWorkplace implements Workplace {
  readonly how = 'the engine in this process';
  readonly #union: Union;

  constructor(union: Union) {
    this.#union = union;
  }

  async read(path: string): Promise<string> {
    return this.#union.readFile(`/${path}`, 'utf8');
  }

  async list(path: string): Promise<string[]> {
    return (await this.#union.readdir(`/${path}`)).sort();
  }

  async append(path: string, text: string): Promise<void> {
    await this.#union.appendFile(`/${path}`, text);
  }

  async edit(path: string, from: string, to: string): Promise<void> {
    const lines = (await this.read(path)).split('\n').map((line) => line.replace(from, to));
    await this.#union.writeFile(`/${path}`, lines.join('\n'));
  }

  async remove(path: string): Promise<void> {
    await this.#union.unlink(`/${path}`);
  }

  async removeDirectory(path: string): Promise<void> {
    await this.#union.rm(`/${path}`, { recursive: true });
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#union.mkdir(`/${path}`);
  }

  async move(from: string, to: string): Promise<void> {
    await this.#union.rename(`/${from}`, `/${to}`);
  }

  async copyUps(): Promise<readonly CopyUp[]> {
    return this.#union.takeCopyUps();
  }
}
