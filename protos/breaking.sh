#!/usr/bin/env bash
# Compare the .proto files with those of a tag or commit. Default: the last tag, else the commit before this one.
# Exit code: 0 compatible, 100 a change breaks clients.
set -euo pipefail
cd "$(dirname "$0")"
ref=${1:-$(git describe --tags --abbrev=0 2>/dev/null || echo HEAD~1)}
if ! git rev-parse --quiet --verify "$ref^{commit}" >/dev/null; then
    echo "no commit $ref to compare with: skipped"
    exit 0
fi
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
git -C .. archive "$ref" protos | tar -x -C "$before"
buf breaking --against "$before/protos"
