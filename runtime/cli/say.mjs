// The two languages, for what speaks before anything is installed. As `languageOf` in runtime/protocol/localize.ts.
const { TUNING_FORK_LANG, LC_ALL, LC_MESSAGES, LANG } = process.env;
const ofSystem = () => (process.platform === 'win32' ? new Intl.DateTimeFormat().resolvedOptions().locale : '');
const inChinese = (TUNING_FORK_LANG || LC_ALL || LC_MESSAGES || LANG || ofSystem()).toLowerCase().startsWith('zh');

/** @type {(english: string, chinese: string) => string} */
export const say = (english, chinese) => (inChinese ? chinese : english);
