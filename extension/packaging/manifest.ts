/** What a VSIX says of itself: to VS Code in `package.json`, to a marketplace in XML. */
import type { Target } from './target.ts';

export interface Package {
  name: string;
  displayName: string;
  description: string;
  version: string;
  publisher: string;
  engines: { vscode: string };
  categories: string[];
  keywords?: string[];
  extensionKind: string[];
  [key: string]: unknown;
}

/** Without what only the repository needs. */
export function shippedPackage({ scripts: _scripts, devDependencies: _dev, allowScripts: _allow, ...rest }: Package): Omit<Package, 'scripts' | 'devDependencies' | 'allowScripts'> {
  return rest;
}

export function vsixManifest(manifest: Package, texts: Record<string, string>, target: Target): string {
  const text = (value: string): string => escape(value.replace(/^%(.*)%$/, (whole, key: string) => texts[key] ?? whole));
  return `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011" xmlns:d="http://schemas.microsoft.com/developer/vsx-schema-design/2011">
  <Metadata>
    <Identity Language="en-US" Id="${escape(manifest.name)}" Version="${escape(manifest.version)}" Publisher="${escape(manifest.publisher)}" TargetPlatform="${target.name}"/>
    <DisplayName>${text(manifest.displayName)}</DisplayName>
    <Description xml:space="preserve">${text(manifest.description)}</Description>
    <Tags>${escape((manifest.keywords ?? []).join(','))}</Tags>
    <Categories>${escape(manifest.categories.join(','))}</Categories>
    <GalleryFlags>Public</GalleryFlags>
    <Properties>
      <Property Id="Microsoft.VisualStudio.Code.Engine" Value="${escape(manifest.engines.vscode)}" />
      <Property Id="Microsoft.VisualStudio.Code.ExtensionDependencies" Value="" />
      <Property Id="Microsoft.VisualStudio.Code.ExtensionPack" Value="" />
      <Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="${escape(manifest.extensionKind.join(','))}" />
      <Property Id="Microsoft.VisualStudio.Code.LocalizedLanguages" Value="" />
      <Property Id="Microsoft.VisualStudio.Code.EnabledApiProposals" Value="" />
      <Property Id="Microsoft.VisualStudio.Code.ExecutesCode" Value="true" />
      <Property Id="Microsoft.VisualStudio.Services.GitHubFlavoredMarkdown" Value="true" />
      <Property Id="Microsoft.VisualStudio.Services.Content.Pricing" Value="Free" />
    </Properties>
    <License>extension/LICENSE.txt</License>
  </Metadata>
  <Installation>
    <InstallationTarget Id="Microsoft.VisualStudio.Code"/>
  </Installation>
  <Dependencies/>
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Content.Changelog" Path="extension/CHANGELOG.md" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Content.License" Path="extension/LICENSE.txt" Addressable="true" />
  </Assets>
</PackageManifest>
`;
}

const TYPES: Record<string, string> = { json: 'application/json', vsixmanifest: 'text/xml', md: 'text/markdown', txt: 'text/plain', js: 'application/javascript', mjs: 'application/javascript', svg: 'image/svg+xml', html: 'text/html', css: 'text/css' };

/** A type for every ending there is, as the format asks; files without one are named whole. */
export function contentTypes(names: readonly string[]): string {
  const endings = new Set<string>();
  const whole: string[] = [];
  for (const name of names) {
    const file = name.slice(name.lastIndexOf('/') + 1);
    if (file.lastIndexOf('.') > 0) endings.add(file.slice(file.lastIndexOf('.') + 1).toLowerCase());
    else whole.push(name);
  }
  const lines = [
    ...[...endings].sort().map((ending) => `<Default Extension=".${escape(ending)}" ContentType="${TYPES[ending] ?? 'application/octet-stream'}"/>`),
    ...whole.map((name) => `<Override PartName="/${escape(name)}" ContentType="application/octet-stream"/>`),
  ];
  return `<?xml version="1.0" encoding="utf-8"?>\n<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">${lines.join('')}</Types>\n`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
