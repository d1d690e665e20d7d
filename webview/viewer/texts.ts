/** Every text of the trace viewer, English and Chinese. */
import type { Segment } from '../../runtime/protocol/viewer.ts';
import type { UntrainedReason } from '../../runtime/protocol/trace.ts';
import { texts } from '../shared/strings.ts';

export const ENGLISH = {
  rollouts: 'Rollouts', tokens: 'Tokens', messages: 'Messages', tree: 'Tree', compare: 'Compare',
  views: 'Views', live: 'live', state_running: 'running', state_finished: 'finished', state_failed: 'failed', state_cancelled: 'cancelled',
  help: 'Keys', close: 'Close', export: 'Export',
  exportWhich: 'Rollouts', exportAll: 'All ({0})', exportShown: 'As filtered ({0})', exportOpen: 'Only {0}', exportWhat: 'Content', exportRollouts: 'One row a rollout', exportTokens: 'One row a token', exportRecords: 'Everything, as records',
  exportFormat: 'Format', exported: '{0} rollouts are in {1}', copyAsText: 'Copy as text', copied: 'Copied as text: {0}', copiedFirst: 'Copied as text: the first {0} of {1}',
  opening: 'Opening the run…', reading: 'Reading {0}…', gone: 'What is shown is as it was read last. {0}', retry: 'Try again', problems: '{0} problems in the files of this run', problem: '1 problem in the files of this run',
  vocabularyMissing: 'The vocabulary of this run is not there: tokens show their ids.',
  nextStep: 'Next: {0}',

  rollout: 'Rollout', step: 'Step', task: 'Task', sample: 'Sample', reward: 'Reward', advantage: 'Advantage', turns: 'Turns', tokensColumn: 'Tokens', sampled: 'Sampled',
  trained: 'Trained', flags: 'Flags', duration: 'Duration', marked: 'Marked', status: 'Status',
  filter: 'Filter', filterHint: 'reward < 0.5 and step > 10 and truncated', clearFilter: 'Clear the filter',
  shown: '{0} of {1}', shownAll: '{0} rollouts', nothingShown: 'No rollout is like that.', noRollouts: 'No rollout has begun yet.',
  rewards: 'Rewards of the rollouts shown', rewardBar: 'Reward {0}: {1} rollouts', rewardRange: '{0} to {1}', rewardFilter: 'reward {0}', meanReward: 'mean {0}',
  success: 'success {0}', validation: 'validation', inFlight: 'running',
  mistake_unexpected: '“{0}” is not expected here.', mistake_unknown: '“{0}” is no column and no flag.', mistake_value: '“{0}” is no value for this column.',
  mistake_operator: 'A comparison such as < or = belongs here.', mistake_end: 'The filter ends too early.', mistake_close: 'A “)” is missing.', mistake_quote: 'A closing quote is missing.',

  previousRollout: 'Previous rollout', nextRollout: 'Next rollout', chooseRollout: 'Choose a rollout in the table first.',
  debugRollout: 'Debug this rollout', forkedFrom: 'Forked at {0} from', kinGone: 'whose run {0} was moved or deleted', forksFrom: '{0} forked at {1}', forkFrom: 'forked at {0}', parent: 'parent', callToken: 'call {0}, token {1}',
  colour: 'Colour', mode_probability: 'Probability', mode_entropy: 'Entropy', mode_advantage: 'Advantage', mode_ratio: 'Ratio new/old', mode_target: 'Training target',
  mode_version: 'Weights version', mode_role: 'Role', mode_none: 'None', whitespace: 'Show whitespace', tokenTable: 'Table of tokens',
  find: 'Find', findHint: 'text, #id or @role', found: '{0} of {1}', foundNone: 'Not found', findNext: 'Next', findPrevious: 'Previous', minimap: 'The whole rollout. Click to go there.',
  inspector: 'Token', tokenAt: 'Token {0}', noTokens: 'There are no tokens in this rollout.', noTokensYet: 'No call is answered yet: its tokens appear here when the first one is.', blind: 'The model of calls {0} told no token ids: those calls are in Messages alone.',
  call: 'call {0}', also: 'also call {0}', call_: 'Call', branch: 'branch', branchFrom: 'branches off', prompt: 'prompt', edited: 'edited', malformed: 'malformed', restored: '{0} turns restored',
  finish_length: 'cut at the limit', sampledCount: '{0} sampled', notTrained: 'not trained', goToCode: 'Go to {0}',
  id: 'Id', bytes: 'Bytes', text: 'Text', logprob: 'Log probability', probability: 'Probability', rank: 'Rank', unranked: 'not among the recorded', entropy: 'Entropy',
  entropyBound: '≥ {0} nats', target: 'Target', yes: 'yes', no: 'no', oldLogprob: 'Old log probability', newLogprob: 'New log probability', ratio: 'Ratio new/old', kl: 'KL (k3)', version: 'Weights version',
  policy: 'Policy', role: 'Role', code: 'Code', sampledAgain: 'Sampled again by', forkHere: 'Fork from here', forkBefore: 'Sample again from this token on',
  alternatives: 'Alternatives', noAlternatives: 'None were recorded. Set rollout.top_logprobs to keep them.', otherMass: 'all others', sampledMark: 'sampled',
  special: 'special token', partial: 'part of a character', invalid: 'not valid UTF-8', askWeights: 'Other weights…', scoring: 'Asking {0}…', noWeights: 'Choose other weights to see the ratio.',
  noEntropy: 'Entropy needs recorded alternatives: set rollout.top_logprobs.', noAdvantage: 'This rollout has no advantage: it was not trained on.', temperature: 'Temperature',
  say: 'Token {0}, {1}, {2}', sayProbability: 'probability {0}', selected: '{0} tokens selected', jointly: 'all sampled so: {0}',
  context: 'sent', missing: 'no value', versionOf: 'version {0}', versionNone: 'outside model',
  role_system: 'system', role_user: 'user', role_assistant: 'assistant', role_tool: 'tool', role_template: 'template',
  why_roleNotATarget: 'its role is not trained', why_rolloutFailed: 'the rollout failed', why_overLong: 'the rollout is too long', why_undelivered: 'the answer never reached the workflow',
  why_intervened: 'edited, forced or forked while debugging', why_noTokenIds: 'the model told no token ids', why_noLogprobs: 'the model told no log probabilities', why_noReward: 'there is no reward',
  why_noSpread: 'all rollouts of the group have one reward', why_stale: 'sampled by weights that are too old', why_validation: 'it is validation',

  judge: 'Judge', metadata: 'Metadata', error: 'Error', log: 'Console', taskData: 'Task', tools: 'Tools offered', stack: 'Stack', showAll: 'Show all {0} characters', reasoning: 'Thinking',
  toolCall: 'calls {0}', toolResult: 'result of {0}', toolFailed: 'failed', showTokens: 'Show its tokens', noReward: 'no reward', conversation: 'Conversation', emptyMessage: '(empty)', branchNumber: 'branch {0}', items: '{0} items',

  savedTokens: '{0} saved', treeSummary: 'Calls: {0} · tokens sent: {1} · kept: {2}', treeTrains: 'trains {0}', calls: 'Calls', branches: 'branches: {0}', oneBranch: 'one line, no branch',
  continuation_start: 'start', continuation_continued: 'continued', continuation_rewritten: 'history rewritten', continuation_template: 'rendered anew by the template', continuation_untracked: 'no token ids',

  compareWhat: 'Compare', groupOfStep: 'Group at step {0}', otherSteps: 'Same task, other steps', forks: 'Fork and parent', markedOnes: 'Marked ({0})', shared: '{0} tokens shared',
  against: 'Against', reference: 'reference', differs: '{0} different', same: 'the same', nothingToCompare: 'There is nothing to compare this rollout with.', colourless: 'Differences', moreTokens: '{0} more', ownWeights: 'its own weights', weights: 'Weights',
  index: 'Index',

  keys_views: 'Rollouts, Tokens, Messages, Tree, Compare', keys_move: 'Move', keys_open: 'Open', keys_filter: 'Filter or find', keys_rollout: 'Previous and next rollout', keys_sampled: 'Previous and next sampled token', keys_call: 'Previous and next call',
  keys_colour: 'Next colour', keys_mark: 'Mark for comparing', keys_export: 'Export', keys_select: 'Select', keys_copy: 'Copy what is selected', keys_hit: 'Next and previous place found', keys_code: 'Go to the code line', keys_help: 'This list',
} as const;

export type Key = keyof typeof ENGLISH;

export const CHINESE: Record<Key, string> = {
  rollouts: 'Rollout 列表', tokens: 'Token', messages: '消息', tree: '树', compare: '比较',
  views: '视图', live: '运行中', state_running: '运行中', state_finished: '已完成', state_failed: '失败', state_cancelled: '已取消',
  help: '按键', close: '关闭', export: '导出',
  exportWhich: 'Rollout', exportAll: '全部（{0}）', exportShown: '筛选结果（{0}）', exportOpen: '仅 {0}', exportWhat: '内容', exportRollouts: '每个 Rollout 一行', exportTokens: '每个 token 一行', exportRecords: '全部内容，以记录形式',
  exportFormat: '格式', exported: '{0} 个 Rollout 已写入 {1}', copyAsText: '复制为文本', copied: '已复制为文本：{0}', copiedFirst: '已复制为文本：{1} 个中的前 {0} 个',
  opening: '正在打开运行…', reading: '正在读取 {0}…', gone: '显示的是最后一次读到的内容。{0}', retry: '重试', problems: '此运行的文件有 {0} 处问题', problem: '此运行的文件有 1 处问题',
  vocabularyMissing: '此运行的词表不在：token 以 id 显示。',
  nextStep: '下一步：{0}',

  rollout: 'Rollout', step: '步', task: '任务', sample: '样本', reward: '奖励', advantage: '优势', turns: '轮数', tokensColumn: 'Token 数', sampled: '采样',
  trained: '训练', flags: '标记', duration: '时长', marked: '已选', status: '状态',
  filter: '筛选', filterHint: 'reward < 0.5 and step > 10 and truncated', clearFilter: '清除筛选',
  shown: '{0} / {1}', shownAll: '{0} 个 Rollout', nothingShown: '没有符合条件的 Rollout。', noRollouts: '还没有 Rollout 开始。',
  rewards: '所示 Rollout 的奖励', rewardBar: '奖励 {0}：{1} 个 Rollout', rewardRange: '{0} 至 {1}', rewardFilter: '奖励 {0}', meanReward: '均值 {0}',
  success: '成功率 {0}', validation: '验证', inFlight: '运行中',
  mistake_unexpected: '此处不应有“{0}”。', mistake_unknown: '“{0}”不是列名，也不是标记。', mistake_value: '“{0}”不是此列的值。',
  mistake_operator: '此处应为 < 或 = 之类的比较。', mistake_end: '筛选式不完整。', mistake_close: '缺少“)”。', mistake_quote: '缺少结束引号。',

  previousRollout: '上一个 Rollout', nextRollout: '下一个 Rollout', chooseRollout: '请先在表中选择一个 Rollout。',
  debugRollout: '调试此 Rollout', forkedFrom: '在{0}处分叉自', kinGone: '其所在的运行 {0} 已被移动或删除', forksFrom: '在{1}处分叉出 {0} 个', forkFrom: '在{0}处分叉', parent: '原 Rollout', callToken: '调用 {0} 的 token {1}',
  colour: '着色', mode_probability: '概率', mode_entropy: '熵', mode_advantage: '优势', mode_ratio: '新旧比率', mode_target: '训练目标',
  mode_version: '权重版本', mode_role: '角色', mode_none: '无', whitespace: '显示空白', tokenTable: 'Token 表格',
  find: '查找', findHint: '文本、#id 或 @角色', found: '{0} / {1}', foundNone: '未找到', findNext: '下一个', findPrevious: '上一个', minimap: '整个 Rollout。点击跳转。',
  inspector: 'Token', tokenAt: 'Token {0}', noTokens: '此 Rollout 没有 token。', noTokensYet: '尚无调用得到回答：第一个回答后其 token 会出现在这里。', blind: '调用 {0} 的模型没有提供 token id：这些调用只在“消息”中。',
  call: '调用 {0}', also: '亦为调用 {0}', call_: '调用', branch: '分支', branchFrom: '由此分出', prompt: '提示', edited: '已编辑', malformed: '格式有误', restored: '恢复了 {0} 轮',
  finish_length: '因长度上限截断', sampledCount: '采样 {0}', notTrained: '不训练', goToCode: '转到 {0}',
  id: 'Id', bytes: '字节', text: '文本', logprob: '对数概率', probability: '概率', rank: '排名', unranked: '不在记录之中', entropy: '熵',
  entropyBound: '≥ {0} nat', target: '训练目标', yes: '是', no: '否', oldLogprob: '旧对数概率', newLogprob: '新对数概率', ratio: '新旧比率', kl: 'KL（k3）', version: '权重版本',
  policy: '策略', role: '角色', code: '代码', sampledAgain: '再次采样的调用', forkHere: '从此处分叉', forkBefore: '从此 token 起重新采样',
  alternatives: '候选', noAlternatives: '没有记录。设置 rollout.top_logprobs 即可保存。', otherMass: '其余全部', sampledMark: '采样',
  special: '特殊 token', partial: '字符的一部分', invalid: '不是有效的 UTF-8', askWeights: '其他权重…', scoring: '正在询问 {0}…', noWeights: '选择其他权重以查看比率。',
  noEntropy: '熵需要记录候选：设置 rollout.top_logprobs。', noAdvantage: '此 Rollout 没有优势值：未用于训练。', temperature: '温度',
  say: 'Token {0}，{1}，{2}', sayProbability: '概率 {0}', selected: '已选 {0} 个 token', jointly: '采样概率之积：{0}',
  context: '发送', missing: '无值', versionOf: '版本 {0}', versionNone: '外部模型',
  role_system: '系统', role_user: '用户', role_assistant: '助手', role_tool: '工具', role_template: '模板',
  why_roleNotATarget: '其角色不训练', why_rolloutFailed: 'rollout 失败', why_overLong: 'rollout 过长', why_undelivered: '回答未送达工作流',
  why_intervened: '调试时被编辑、强制或分叉', why_noTokenIds: '模型没有提供 token id', why_noLogprobs: '模型没有提供对数概率', why_noReward: '没有奖励',
  why_noSpread: '同组 Rollout 的奖励都相同', why_stale: '由过旧的权重采样', why_validation: '属于验证',

  judge: '评判', metadata: '元数据', error: '错误', log: '控制台', taskData: '任务', tools: '提供的工具', stack: '调用栈', showAll: '显示全部 {0} 个字符', reasoning: '思考',
  toolCall: '调用 {0}', toolResult: '{0} 的结果', toolFailed: '失败', showTokens: '显示其 token', noReward: '无奖励', conversation: '对话', emptyMessage: '（空）', branchNumber: '分支 {0}', items: '{0} 项',

  savedTokens: '节省 {0}', treeSummary: '调用：{0} · 发送 token：{1} · 保留：{2}', treeTrains: '训练 {0}', calls: '调用', branches: '分支：{0}', oneBranch: '单线，无分支',
  continuation_start: '开始', continuation_continued: '延续', continuation_rewritten: '历史被改写', continuation_template: '模板重新渲染', continuation_untracked: '无 token id',

  compareWhat: '比较', groupOfStep: '第 {0} 步的组', otherSteps: '同一任务的其他步', forks: '分叉与原 Rollout', markedOnes: '已选（{0}）', shared: '共享 {0} 个 token',
  against: '对照', reference: '基准', differs: '{0} 处不同', same: '相同', nothingToCompare: '没有可与此 Rollout 比较的。', colourless: '差异', moreTokens: '还有 {0} 个', ownWeights: '自身权重', weights: '权重',
  index: '序号',

  keys_views: 'Rollout 列表、Token、消息、树、比较', keys_move: '移动', keys_open: '打开', keys_filter: '筛选或查找', keys_rollout: '上一个与下一个 Rollout', keys_sampled: '上一个与下一个采样 token', keys_call: '上一次与下一次调用',
  keys_colour: '下一种着色', keys_mark: '选中以比较', keys_export: '导出', keys_select: '选择', keys_copy: '复制所选', keys_hit: '下一处与上一处', keys_code: '转到代码行', keys_help: '此列表',
};

export const { t, use: useLanguage } = texts<Key>(ENGLISH, CHINESE);

const REASONS: Record<UntrainedReason, Key> = {
  'role-not-a-target': 'why_roleNotATarget', 'rollout-failed': 'why_rolloutFailed', 'over-long': 'why_overLong', undelivered: 'why_undelivered', intervened: 'why_intervened',
  'no-token-ids': 'why_noTokenIds', 'no-logprobs': 'why_noLogprobs', 'no-reward': 'why_noReward', 'no-spread': 'why_noSpread', stale: 'why_stale', validation: 'why_validation',
};

export const reasonText = (why: UntrainedReason): string => t(REASONS[why]);
export const roleText = (role: Segment['role']): string => t(`role_${role}`);
