"""Guards: what keeps jobs and files whole, each with the test that turns red without it."""

from __future__ import annotations

from tests.chaos.mutation import Mutation

S = "tests/service"
C = "tests/chaos"

STATE_GUARDS = (
    Mutation(
        "fsync of a stored file",
        "predictor/folders.py",
        "            os.fsync(file.fileno())\n",
        "",
        f"{S}/test_synced.py::test_a_file_is_synced_before_its_name_and_its_folder_after",
    ),
    Mutation(
        "fsync of its folder",
        "predictor/folders.py",
        "        fsync_folder(path.parent)\n",
        "",
        f"{S}/test_synced.py::test_a_file_is_synced_before_its_name_and_its_folder_after",
    ),
    Mutation(
        "write under a temporary name",
        "predictor/folders.py",
        'f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"\n    try:\n        path.parent.mkdir(parents=True, '
        'exist_ok=True, mode=0o700)\n        with temporary.open("xb") as file:',
        "path.name\n    try:\n        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)\n"
        '        with temporary.open("wb") as file:',
        f"{C}/test_chaos.py::test_a_disk_that_fails_anywhere_loses_nothing_acknowledged_and_shows_nothing_half",
    ),
    Mutation(
        "fsync of the tokens",
        "server/access/tokens.py",
        "            os.fsync(out.fileno())\n",
        "",
        f"{S}/test_synced.py::test_a_file_is_synced_before_its_name_and_its_folder_after",
    ),
    Mutation(
        "sync of an upload",
        "server/staging.py",
        "os.fdatasync(self._handle)",
        "pass",
        f"{S}/test_synced.py::test_what_came_of_an_upload_is_synced_when_its_stream_ends",
    ),
    Mutation(
        "fsync of a part",
        "server/parts/upload.py",
        "                os.fsync(self._file.handle)\n",
        "",
        f"{S}/test_synced.py::test_a_file_is_synced_before_its_name_and_its_folder_after",
    ),
    Mutation(
        "fsync of the folder of parts",
        "server/parts/upload.py",
        "                fsync_folder(self.place.parent)\n",
        "",
        f"{S}/test_synced.py::test_a_file_is_synced_before_its_name_and_its_folder_after",
    ),
    Mutation(
        "synchronous=FULL",
        "server/durable/database.py",
        '"synchronous=FULL"',
        '"synchronous=OFF"',
        f"{S}/test_database.py::test_what_is_committed_is_synchronous_and_exclusive",
    ),
    Mutation(
        "locking_mode=EXCLUSIVE",
        "server/durable/database.py",
        '"locking_mode=EXCLUSIVE", ',
        "",
        f"{S}/test_database.py::test_another_process_cannot_open_the_store",
    ),
    Mutation(
        "ROLLBACK of a refused step",
        "server/durable/database.py",
        '                    self._connection.execute("ROLLBACK")\n',
        '                    self._connection.execute("COMMIT")\n',
        f"{S}/test_table.py::test_a_refused_step_leaves_nothing_behind",
    ),
    Mutation(
        "lock of the state folder",
        "server/durable/lock.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_UN",
        f"{S}/test_doors.py::test_a_second_server_on_the_same_state_folder_fails_at_once",
    ),
    Mutation(
        "one owner of the port",
        "server/app.py",
        '        ("grpc.so_reuseport", 0),\n',
        "",
        f"{S}/test_doors.py::test_a_second_server_on_the_same_port_fails",
    ),
    Mutation(
        "epoch of an attempt",
        "server/durable/jobs.py",
        "WHERE id = ? AND epoch = ? AND state = ?",
        "WHERE id = ? AND ? >= 0 AND state = ?",
        f"{S}/test_table.py::test_only_the_current_attempt_may_end_a_job",
    ),
    Mutation(
        "state of an attempt",
        "server/durable/jobs.py",
        "AND epoch = ? AND state = ?",
        "AND epoch = ? AND ? <> ''",
        f"{S}/test_table.py::test_a_result_after_a_cancellation_is_refused",
    ),
    Mutation(
        "terminal states in the schema",
        "server/durable/database.py",
        "RAISE (ABORT, 'a terminal job never changes')",
        "1",
        f"{S}/test_table.py::test_terminal_states_never_change",
    ),
    Mutation(
        "running jobs wait again at a start",
        "server/durable/jobs.py",
        'self._move(run, name, "QUEUED")\n            for name in cancelled',
        "pass\n            for name in cancelled",
        f"{S}/test_table.py::test_a_start_settles_what_an_earlier_process_left",
    ),
    Mutation(
        "what a worker started ends with it",
        "server/workforce/process.py",
        "os.killpg(self._process.pid, number)",
        "os.kill(self._process.pid, number)",
        f"{S}/test_worker.py::test_stopping_ends_a_worker_and_its_children",
    ),
    Mutation(
        "features outlive the worker that read them",
        "predictor/extraction/extractor.py",
        "            self.store.put(entry, fresh.values, fresh.about)\n",
        "            pass\n",
        f"{S}/test_survival.py::test_what_a_model_gave_before_its_worker_was_killed_is_not_computed_again",
    ),
    Mutation(
        "a committed step is told though its caller has gone",
        "server/durable/ledger.py",
        "                done.add_done_callback(self._tell_later)\n",
        "                pass\n",
        f"{S}/test_ledger.py",
    ),
    Mutation(
        "tenant of a job",
        "server/durable/jobs.py",
        "FROM jobs WHERE tenant = ? AND id = ?",
        "FROM jobs WHERE ? <> '' AND id = ?",
        f"{S}/test_table.py::test_another_tenants_job_reads_as_no_job",
    ),
    Mutation(
        "tenant of a feature set",
        "server/features/stores.py",
        "cache_dir() if tenant == LOCAL else",
        "cache_dir() or",
        f"{S}/test_doors_matrix.py::test_what_another_tenant_owns_reads_as_absent",
    ),
    Mutation(
        "request id makes one job",
        "server/durable/jobs.py",
        "return known or self._insert(run, tenant, request_id, digest, stored, None",
        "return self._insert(run, tenant, request_id, digest, stored, None",
        f"{S}/test_table.py::test_a_request_id_stands_for_one_request",
    ),
    Mutation(
        "request id stands for one request",
        "server/durable/jobs.py",
        'if found["digest"] != digest:',
        "if False:",
        f"{S}/test_jobs.py::test_the_same_request_id_with_another_request_is_refused",
    ),
)
