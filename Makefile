# Entry points. `make demo` and `make test` install what they need on a Debian 12 with git and make.
.PHONY: demo test setup wheel bench format lint fuzz clean
PY := .venv/bin/python

demo: wheel
	@examples/iris/demo.sh

test: wheel
	@$(PY) tools/run_tests.py

setup:
	@tools/setup.sh

wheel: setup
	@tools/wheel.sh

bench: wheel
	@$(PY) bench/run.py

format:
	@clang-format -i $$(git ls-files 'src/*.[ch]' 'include/*.h' 'python/core/*.[ch]' 'tests/*.[ch]' 'fuzz/*.c' 'bench/*.c')

lint: setup
	@tools/lint.sh

fuzz:
	cmake --preset fuzz && cmake --build --preset fuzz
	for t in build/fuzz/fuzz_*; do n=$$(basename $$t); $$t -max_total_time=60 fuzz/corpus/$${n#fuzz_} || exit 1; done

clean:
	rm -rf build
