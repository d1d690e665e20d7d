/** A fake `ssh`: it forwards a port of this machine to another one of it, and prints a file. Nothing is encrypted, and "away" is a host that is not there. */
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const words = process.argv.slice(2);
const options = [];
while (words[0]?.startsWith('-') && words[0] !== '--') {
  const name = words.shift();
  options.push(name === '-N' ? [name] : [name, words.shift()]);
}
const [, host, ...command] = words;
if (host === 'away' || host.startsWith('-')) {
  console.error(`ssh: connect to host ${host} port 22: Connection refused`);
  process.exit(255);
}
if (command[0] === 'cat') {
  try {
    process.stdout.write(readFileSync(command[1].replace(/^~/, process.env.HOME)));
  } catch {
    console.error(`cat: ${command[1]}: No such file or directory`);
    process.exit(1);
  }
} else {
  const [address, port, target, targetPort] = options.find(([name]) => name === '-L')[1].split(':');
  createServer((near) => {
    const far = connect(Number(targetPort), target);
    for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => other.destroy()).on('close', () => other.destroy()).pipe(other);
  }).listen(Number(port), address);
}
