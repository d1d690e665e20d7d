import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { contentTypes } from '../../../extension/packaging/manifest.ts';
import { writeZip } from '../../../extension/packaging/zip.ts';
import { findRun, openRunReader } from '../../../runtime/trace/index.ts';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';

/** A fake: it gives VS Code a model that always says the same. */
const manifest = {
  name: 'echo', publisher: 'tests', version: '0.0.1', engines: { vscode: '^1.104.0' }, main: './main.js', activationEvents: ['onStartupFinished'],
  contributes: { languageModelChatProviders: [{ vendor: 'echo', displayName: 'Echo' }] },
};
const program = `const { lm, LanguageModelTextPart } = require('vscode');
exports.activate = ({ subscriptions }) => subscriptions.push(lm.registerLanguageModelChatProvider('echo', {
  provideLanguageModelChatInformation: () => [{ id: 'echo-1', name: 'Echo', family: 'echo', version: '1', maxInputTokens: 8000, maxOutputTokens: 100, capabilities: { toolCalling: true } }],
  provideLanguageModelChatResponse: async (model, messages, options, progress) => {
    progress.report(new LanguageModelTextPart('I was asked ' + messages.length + ' messages and given ' + (options.tools || []).length + ' tools: \\\\boxed{42}'));
  },
  provideTokenCount: async (model, text) => String(text).split(' ').length,
}));`;
const vsixManifest = `<?xml version="1.0" encoding="utf-8"?><PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011"><Metadata>
<Identity Language="en-US" Id="echo" Version="0.0.1" Publisher="tests"/><DisplayName>Echo</DisplayName><Description/></Metadata><Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Dependencies/><Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/></Assets></PackageManifest>`;

const dir = mkdtempSync(join(tmpdir(), 'tf-models-'));
after(() => rmSync(dir, { recursive: true }));
const vsix = join(dir, 'echo.vsix');
const files: Record<string, string> = { 'extension.vsixmanifest': vsixManifest, 'extension/package.json': JSON.stringify(manifest), 'extension/main.js': program };
await writeZip(vsix, Object.entries({ ...files, '[Content_Types].xml': contentTypes(Object.keys(files)) }).map(([name, text]) => ({ name, content: () => Buffer.from(text) })));

const from = join(repository, 'examples/math-agent');
const yaml = readFileSync(join(from, 'math-agent.yaml'), 'utf8').replace('path: embedded ', 'path: vscode:echo ');

journey('rollouts ask a model of VS Code without a key', {
  vsix, extension: repository, workspace: { from, files: { 'math-agent.yaml': yaml } }, settings: { 'chat.disableAIFeatures': false },
}, async ({ page, workbench, workspace, screenshot }) => {
  await workbench.command('Tuning Fork: Doctor');
  await page.frameLocator('iframe.webview').frameLocator('iframe').getByText('vscode:echo-1').waitFor();
  await screenshot('doctor-models');
  await workbench.command('Tuning Fork: Run Rollouts');
  const finished = async () => (await findRun(join(workspace, 'runs'), 'latest').catch(() => undefined))?.info.state === 'finished';
  await until(finished, 'The rollouts did not end.', 40_000);
  const { dir } = await findRun(join(workspace, 'runs'), 'latest');
  const reader = await openRunReader(dir);
  const [call] = (await reader.read(reader.entry(0).id)).calls;
  assert.equal(call!.policy, 'vscode:echo');
  assert.match(call!.reply.content, /^I was asked 2 messages and given 1 tools/);
  assert.ok(call!.usage.prompt > 5);
  assert.ok(!readFileSync(join(dir, 'run.json'), 'utf8').includes('TUNING_FORK_VSCODE_KEY'));
});
