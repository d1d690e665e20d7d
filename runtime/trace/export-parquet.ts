/** Tables as Parquet: a row group for the rows that come at once, so that none but those are in memory. */
import { gzipSync } from 'node:zlib';
import { ByteWriter, ParquetWriter, schemaFromColumnData, type BasicType } from 'hyparquet-writer';
import type { Encoder } from './export-lines.ts';
import type { Column, Kind } from './export-tables.ts';

const TYPES: Record<Kind, BasicType> = { name: 'STRING', said: 'STRING', bytes: 'BYTE_ARRAY', integer: 'INT32', float: 'FLOAT', double: 'DOUBLE', flag: 'BOOLEAN' };
/** Whose smallest and largest value somebody may look for, to read a part. */
const SORTED: ReadonlySet<Kind> = new Set(['name', 'integer', 'double']);
const ROW_GROUP = 16_384;
/** Faster than zlib's own choice, and hardly larger: columns are repetitive. */
const LEVEL = 4;

export function parquet(columns: readonly Column[], facts: Readonly<Record<string, string>>): Encoder {
  const bytes = new ByteWriter();
  const specs = columns.map(({ name, kind }) => ({ name, type: TYPES[kind], data: [] }));
  const file = new ParquetWriter({
    writer: bytes, schema: schemaFromColumnData({ columnData: specs }), codec: 'GZIP', compressors: { GZIP: (input) => gzipSync(input, { level: LEVEL }) },
    kvMetadata: Object.entries(facts).map(([key, value]) => ({ key, value })), createdBy: 'tuning-fork',
  });
  const taken = (): Uint8Array => {
    const chunk = bytes.getBytes().slice();
    bytes.index = 0;
    return chunk;
  };
  return {
    rowsAtOnce: ROW_GROUP,
    head: taken,
    rows(rows) {
      void file.write({ columnData: columns.map(({ name, kind }, at) => ({ name, data: rows[at]!, statistics: SORTED.has(kind) })), rowGroupSize: rows[0]!.length });
      return taken();
    },
    tail() {
      void file.finish();
      return taken();
    },
  };
}
