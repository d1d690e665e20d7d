// The two languages, for what speaks before anything is installed. As `languageOf` in runtime/protocol/localize.ts.
const { TUNING_FORK_LANG, LC_ALL, LC_MESSAGES, LANG } = process.env;
const inChinese = (TUNING_FORK_LANG || LC_ALL || LC_MESSAGES || LANG || '').toLowerCase().startsWith('zh');

/** @type {(english: string, chinese: string) => string} */
export const say = (english, chinese) => (inChinese ? chinese : english);
