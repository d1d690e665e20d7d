import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import { behindHashes, finalAnswer, lastBoxed, reference, type BuiltinJudge, type JudgeOptions } from './judge.ts';
import { add, decimal, divide, equal, multiply, negate, rational, type Rational } from './rational.ts';

/** 1 when the last box holds the right answer, else 0. */
export function mathAnswer({ workflow }: JudgeOptions = {}): BuiltinJudge {
  const name = 'math_answer';
  return {
    name,
    judge(task: Task, output: OutputData): Verdict {
      const right = reference(task, name);
      const answer = lastBoxed(finalAnswer(output, name, workflow));
      if (answer === undefined) return { reward: 0, success: false, parts: { boxed: 0, correct: 0 }, reason: 'No \\boxed{…} in the final answer.' };
      const text = behindHashes(typeof right === 'string' ? right : JSON.stringify(right));
      const wanted = lastBoxed(text) ?? text;
      const correct = sameAnswer(answer, wanted);
      return {
        reward: correct ? 1 : 0, success: correct, parts: { boxed: 1, correct: correct ? 1 : 0 },
        reason: correct ? undefined : `${short(answer)} isn’t ${short(wanted)}.`,
      };
    },
  };
}

/** Equal as exact numbers where both are numbers, else as text. */
export function sameAnswer(a: string, b: string): boolean {
  const [first, second] = [tidy(a), tidy(b)];
  if (sameText(first, second)) return first !== '';
  const [x, y] = [quantity(first), quantity(second)];
  if (x === undefined || y === undefined || !equal(x.value, y.value)) return false;
  // `5 km` is not `5 m`, but `5` may leave its unit out.
  return x.unit === y.unit || x.unit === '' || y.unit === '';
}

/** The exact number that a short piece of LaTeX or plain text spells, its unit left aside. */
export function readNumber(text: string): Rational | undefined {
  return quantity(tidy(text))?.value;
}

const SPACES = /\\[,;:! ]|\\(?:quad|qquad)\b|~|[\s\u00a0\u2009\u202f]+/g;

/** Undoes what only changes the looks. */
function tidy(text: string): string {
  return text
    .slice(0, 2000)
    // Full-width forms are the ASCII ones, shifted. Other scripts' digits and superscripts are left: `5²` is not 52.
    .replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(/[\u2212\u2013]/g, '-')
    .replace(/\\[dt]frac(?![a-zA-Z])/g, '\\frac')
    .replace(/\\(?:left|right)(?![a-zA-Z])/g, '')
    .replace(/\{,\}/g, ',')
    .replace(/\\[()[\]]/g, ' ')
    .replace(SPACES, ' ')
    .replace(/^[\s$]+|[\s$]+$/g, '')
    .replace(/^[a-zA-Z]\s*=\s*/, '')
    .replace(/(?<=[^.\s])\.$/, '')
    .trim();
}

function sameText(a: string, b: string): boolean {
  const bare = (text: string): string => text
    .replace(/\\(?:text|textbf|textrm|mathrm|mbox)\{([^{}]*)\}/g, '$1')
    // `1 1/2` is not 11/2.
    .replace(/(?<!\d)\s+|\s+(?!\d)/g, '');
  return bare(a) === bare(b);
}

const CURRENCY = /^([-+]?)\s*(?:\\?\$|€|£|¥|₹)\s*/;
const LATEX_UNIT = /\s*\\(?:text|mathrm|mbox|textrm|operatorname)\{([^{}]*)\}(?:\^\{?\d\}?)?$/;
/** Attached or not, these are units and never variables of one letter. */
const KNOWN_UNIT = /\s?(km\/h|m\/s|mph|km|cm|mm|kg|mg|lbs?|oz|ml|hours?|hrs?|mins?|secs?|seconds?|minutes?|days?|dollars?|cents?|degrees?)\.?$/i;
const WORDS = /\s((?:[a-z]{3,}|per|of)(?:\s(?:[a-z]{2,}))*)$/i;
/** Words that change the number itself. */
const NOT_A_UNIT = /\b(hundred|thousand|million|billion|trillion|dozen|half|halves|third|thirds|quarter|quarters|pair|pairs|percent|and|or|not|pi|tau|sqrt|log|sin|cos|tan|squared|cubed|mod|plus|minus|times|over|infinity|radians?)\b/i;

function quantity(text: string): { value: Rational; unit: string } | undefined {
  const bare = text.replace(CURRENCY, '$1').replace(/\s*(?:\\?%|\^\{?\\circ\}?|°)$/, '');
  const whole = number(bare);
  if (whole !== undefined) return { value: whole, unit: '' };
  for (const pattern of [LATEX_UNIT, KNOWN_UNIT, WORDS]) {
    const match = pattern.exec(bare);
    if (match === null || NOT_A_UNIT.test(match[1]!)) continue;
    const value = number(bare.slice(0, match.index).trim());
    if (value !== undefined) return { value, unit: match[1]!.trim().toLowerCase().replace(/s$/, '') };
  }
  return undefined;
}

const FRACTION = /^([-+]?)\\frac\s*(?:\{([^{}]+)\}|(\d))\s*(?:\{([^{}]+)\}|(\d))$/;
const SLASH = /^([-+]?[\d.,]+)\s?\/\s?([-+]?[\d.,]+)$/;
const MIXED = /^([-+]?)(\d+)\s?(\\frac.+)$|^([-+]?)(\d+)\s(\d+\s?\/\s?\d+)$/;
const POWER_OF_TEN = /^([-+]?[\d.,]+)\s?(?:\\times|\\cdot|×|\*|x)\s?10\s?\^\s?(?:\{([-+]?\d{1,3})\}|([-+]?\d{1,3}))$/;

function number(text: string): Rational | undefined {
  return plainNumber(text) ?? fraction(text) ?? mixed(text) ?? scientific(text);
}

/** Digits with a decimal point, and commas only where they set thousands apart. */
function plainNumber(text: string): Rational | undefined {
  const grouped = /^[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(text) || /^[-+]?\d{1,3}(?: \d{3})+(?:\.\d+)?$/.test(text);
  return decimal(grouped ? text.replace(/[, ]/g, '') : text);
}

function fraction(text: string): Rational | undefined {
  const latex = FRACTION.exec(text);
  if (latex !== null) {
    const value = ratio(latex[2] ?? latex[3]!, latex[4] ?? latex[5]!);
    return value && latex[1] === '-' ? negate(value) : value;
  }
  const slash = SLASH.exec(text);
  return slash === null ? undefined : ratio(slash[1]!, slash[2]!);
}

function ratio(top: string, bottom: string): Rational | undefined {
  const [a, b] = [plainNumber(top.trim()), plainNumber(bottom.trim())];
  return a && b && divide(a, b);
}

function mixed(text: string): Rational | undefined {
  const match = MIXED.exec(text);
  if (match === null) return undefined;
  const part = fraction(match[3] ?? match[6]!);
  if (part === undefined || part.top < 0n) return undefined;
  const value = add(rational(BigInt(match[2] ?? match[5]!))!, part);
  return (match[1] ?? match[4]) === '-' ? negate(value) : value;
}

function scientific(text: string): Rational | undefined {
  const match = POWER_OF_TEN.exec(text);
  const factor = match && plainNumber(match[1]!);
  const power = match && decimal(`1e${match[2] ?? match[3]}`);
  return factor && power ? multiply(factor, power) : undefined;
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
