// Stands in for VS Code's native log writer, so that the test host needs no compiler: the same calls, one file, no rotation.
const fs = require('node:fs');
const path = require('node:path');

const LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'];

class Logger {
  constructor(_type, _name, file) {
    this.file = fs.openSync(file, 'a');
    this.level = 0;
    this.plain = false;
    for (const [level, method] of ['trace', 'debug', 'info', 'warn', 'error', 'critical'].entries()) this[method] = (message) => this.write(level, message);
  }
  getLevel() { return this.level; }
  setLevel(level) { this.level = level; }
  setPattern() { this.plain = false; }
  clearFormatters() { this.plain = true; }
  flush() {}
  drop() { fs.closeSync(this.file); }
  write(level, message) {
    if (level < this.level) return;
    const time = new Date().toISOString().replace('T', ' ').replace('Z', '');
    fs.writeSync(this.file, this.plain ? message : `${time} [${LEVELS[level]}] ${message}\n`);
  }
}

async function create(name, file) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  return new Logger('rotating', name, file);
}

// One by one: VS Code imports them by name, from an ES module.
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = create;
exports.createAsyncRotatingLogger = create;
