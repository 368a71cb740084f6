"""Guards: what each promise of the service rests on, and the test that misses it when it is gone."""

from __future__ import annotations

from dataclasses import dataclass

S, C = "tests/service", "tests/chaos"


@dataclass(frozen=True)
class Mutation:
    """A guard, and the test that misses it.

    Attributes:
        guard: what is taken out.
        file: where.
        old, new: text there, and what replaces its first occurrence.
        test: that must turn red.
    """

    guard: str
    file: str
    old: str
    new: str
    test: str


MUTATIONS = (
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
        'temporary = path.parent / f".{path.name}',
        'temporary = path.parent / f"{path.name}" or f"{path.name}',
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
        "server/features/uploads.py",
        "os.fdatasync(self._handle)",
        "pass",
        f"{S}/test_synced.py::test_what_came_of_an_upload_is_synced_when_its_stream_ends",
    ),
    Mutation(
        "synchronous=FULL",
        "server/durable/database.py",
        '"synchronous=FULL"',
        '"synchronous=OFF"',
        f"{S}/test_table.py::test_what_is_committed_is_synchronous_and_exclusive",
    ),
    Mutation(
        "locking_mode=EXCLUSIVE",
        "server/durable/database.py",
        '"locking_mode=EXCLUSIVE", ',
        "",
        f"{S}/test_table.py::test_another_process_cannot_open_the_store",
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
    Mutation(
        "CRC of a chunk",
        "protos/features.py",
        "if zlib.crc32(message.data) != message.crc32:",
        "if False:",
        f"{S}/test_features.py::test_a_wrong_chunk_is_refused_and_what_came_before_stays",
    ),
    Mutation(
        "fingerprint of an upload",
        "server/features/uploads.py",
        "if self._scan.fingerprint != manifest.fingerprint:",
        "if False:",
        f"{S}/test_features.py::test_bytes_of_another_fingerprint_are_dropped",
    ),
    Mutation(
        "SHA-256 of an entry",
        "predictor/entries.py",
        "whole.digest() != os.pread(handle, _SHA, size - _SHA)",
        "False",
        f"{S}/test_features.py::test_a_damaged_set_is_never_sent",
    ),
    Mutation(
        "one writer of an upload",
        "server/features/uploads.py",
        "        self._superseded = True\n",
        "",
        f"{S}/test_uploads.py::test_a_later_stream_takes_over_and_the_earlier_writes_no_more",
    ),
    Mutation(
        "authentication",
        "server/access/authentication.py",
        "if record is None or not same or record.expired():",
        "if record is None:",
        f"{S}/test_doors_matrix.py::test_who_is_not_known_gets_nothing",
    ),
    Mutation(
        "scopes",
        "server/interceptors.py",
        "            check_scope(caller, details.method)\n",
        "",
        f"{S}/test_doors_matrix.py::test_who_may_only_read_changes_nothing",
    ),
    Mutation(
        "revocation ends open calls",
        "server/access/authentication.py",
        "            self._end_fallen()\n",
        "",
        f"{S}/test_doors_matrix.py::test_a_revoked_token_ends_every_open_call_and_opens_none",
    ),
    Mutation(
        "open addresses need guards",
        "server/app.py",
        "check_address(config.address, guarded=config.doors.guarded)",
        "check_address(config.address, guarded=True)",
        f"{S}/test_doors.py::test_an_address_that_others_can_reach_is_refused",
    ),
    Mutation(
        "admission",
        "server/access/admission.py",
        "if gate.waiting() + gate.inside >= gate.most:",
        "if False:",
        f"{C}/test_chaos.py::test_overload_is_turned_away_at_once_and_the_rest_served",
    ),
    Mutation(
        "refused callers are told when to come back",
        "server/interceptors.py",
        '        trailers.append(("grpc-retry-pushback-ms", str(round(pause * 1000))))\n',
        "        pass\n",
        f"{C}/test_chaos.py::test_overload_is_turned_away_at_once_and_the_rest_served",
    ),
    Mutation(
        "texts of exceptions stay inside",
        "server/interceptors.py",
        'f"the server met a fault of its own; its log tells more under request id {request_id}."',
        "repr(fault)",
        f"{S}/test_doors.py::test_an_exception_never_shows_its_text",
    ),
    Mutation(
        "the end reaches a busy watcher",
        "server/durable/ledger.py",
        "if channel.latest.finished and channel.latest.revision <= revision:",
        "if channel.latest.finished:",
        f"{S}/test_ledger.py::test_a_watcher_that_is_busy_with_a_step_while_the_job_ends_still_learns_the_end",
    ),
    Mutation(
        "a step is told to watchers once only",
        "server/durable/feed.py",
        "if job.revision > revision]",
        "if True]",
        f"{S}/test_jobs.py::test_a_watch_resumes_after_a_revision",
    ),
    Mutation(
        "a silent worker is replaced",
        "server/workforce/process.py",
        "return await asyncio.wait_for(step, self._silence_seconds)",
        "return await asyncio.wait_for(step, None)",
        f"{S}/test_operations.py::test_a_worker_that_hangs_is_replaced_and_its_job_runs_again",
    ),
    Mutation(
        "workers end with their server",
        "server/worker.py",
        "    os._exit(0)\n\n\ndef _take_pipes",
        "    return\n\n\ndef _take_pipes",
        f"{S}/test_worker.py::test_a_worker_ends_with_its_pipe_even_where_nobody_signals_it",
    ),
    Mutation(
        "models stay in the operator's folders",
        "server/workforce/confined.py",
        "HeldFiles(spec.reference, self.roots)",
        'HeldFiles(spec.reference, [Path("/")])',
        f"{S}/test_paths.py::test_no_name_of_a_model_reads_outside_over_the_wire",
    ),
    Mutation(
        "links of a folder's files",
        "predictor/models/held.py",
        "if real == root or not real.is_relative_to(root):",
        "if False:",
        "tests/models/test_held.py",
    ),
    Mutation(
        "no link is followed on the way",
        "predictor/models/held.py",
        "os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC",
        "os.O_DIRECTORY | os.O_CLOEXEC",
        "tests/models/test_held.py",
    ),
    Mutation(
        "no link is followed at the end",
        "predictor/models/held.py",
        "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK",
        "os.O_RDONLY | os.O_NONBLOCK",
        f"{S}/test_paths.py::test_a_link_that_is_swapped_while_it_is_read_never_shows_the_secret",
    ),
    Mutation(
        "packages end at their folder",
        "predictor/models/wheels.py",
        'path.resolve(strict=True).is_relative_to(base) and ".." not in Path(inner).parts',
        "path.exists()",
        f"{S}/test_paths.py::test_a_package_gives_nothing_from_outside_it",
    ),
    Mutation(
        "external tensors beside the graph",
        "predictor/extraction/onnx_graph.py",
        "if not location or climbs or not",
        "if not location or not",
        f"{S}/test_paths.py",
    ),
    Mutation(
        "names of feature sets",
        "predictor/keys.py",
        "if not _NAME.fullmatch(name) or",
        "if False and",
        f"{S}/test_paths.py::test_no_name_of_a_feature_set_leaves_its_folder",
    ),
    Mutation(
        "bytes of deleted jobs are overwritten",
        "server/durable/database.py",
        ', "secure_delete=ON"',
        "",
        f"{S}/test_table.py::test_what_is_deleted_is_gone_from_the_file",
    ),
    Mutation(
        "quota of a tenant's queue",
        "server/durable/jobs.py",
        "if waiting >= most:",
        "if False:",
        f"{S}/test_table.py::test_a_tenant_fills_its_own_queue_only",
    ),
    Mutation(
        "half an audit line",
        "server/access/audit.py",
        '("\\n" if self._torn else "") + text',
        "text",
        f"{S}/test_operations.py::test_half_an_audit_line_spoils_no_other",
    ),
    Mutation(
        "a digest is of what is open",
        "predictor/models/digests.py",
        'with path.open("rb") as file:',
        'with real.open("rb") as file:',
        "tests/models/test_held.py::test_a_digest_is_that_of_the_held_file",
    ),
)
