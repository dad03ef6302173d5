#!/usr/bin/env python3
"""Make the small Parquet files that the data tests read.

    pip install pyarrow
    python3 tools/make_parquet_fixtures.py crates/unfold/tests/reference

They are made by the usual writer and not by the library that reads them: labelled.parquet as the Hugging Face
hub publishes sets (labels are numbers, their names stand in the metadata), zstd.parquet with the compression
that is not read.
"""

import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    texts = [f"{'good' if n % 2 else 'bad'} film number {n}, naïve" for n in range(40)]
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"text": texts, "label": [n % 2 for n in range(40)], "id": list(range(40))})
    table = table.replace_schema_metadata(metadata)
    pq.write_table(table, out / "labelled.parquet", compression="snappy")
    pq.write_table(table, out / "zstd.parquet", compression="zstd")


if __name__ == "__main__":
    main()
