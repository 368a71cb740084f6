"""Service: the tools over the Model Context Protocol, on standard input and output or on HTTP for this machine."""

from __future__ import annotations

import json
import time
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

from client.agent.tool import Answer, Tool
from client.agent.tools import tools
from predictor.errors import W2SError
from predictor.steps import Progress

INSTRUCTIONS = (
    "Which weak model should supervise a strong one? `rank` answers before any training is launched, from unlabelled "
    "rows alone, and better with class descriptions, proxies, weak labels or some gold labels. Call `plan` first where "
    "models are large. Where nothing is separable from chance, say so instead of naming a winner."
)

REPORT_SECONDS = 0.5
"""Shortest time between two progress messages of one call."""


def service() -> Server[Any]:
    """The server with every tool; nothing runs yet."""
    known = tools()

    async def list_tools(
        context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in known.values()])

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = known.get(params.name)
        if tool is None:
            return _failed(f"there is no tool {params.name!r}; there are {', '.join(known)}.", "NO_TOOL", None)
        return await _called(tool, params.arguments or {}, context)

    return Server(
        "w2s",
        version=version("w2s-predictor"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def serve_stdio() -> None:
    """Answer one client on standard input and output until it closes them."""
    server = service()
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def serve_http(host: str, port: int) -> None:
    """Answer the programs of this machine at `http://HOST:PORT/mcp` until interrupted."""
    import uvicorn

    uvicorn.run(service().streamable_http_app(host=host), host=host, port=port, log_level="warning")


async def _called(tool: Tool, given: dict[str, Any], context: ServerRequestContext[Any]) -> types.CallToolResult:
    """The tool in a thread, with its progress sent as it comes."""
    sent = 0.0
    steps = 0

    def report(step: Progress) -> None:
        nonlocal sent, steps
        if time.monotonic() - sent < REPORT_SECONDS:
            return
        sent, steps = time.monotonic(), steps + 1
        message = f"{step.candidate or 'all candidates'}: {step.phase}, {step.done} of {step.total}"
        anyio.from_thread.run(partial(context.session.report_progress, float(steps), message=message))

    try:
        answer = await anyio.to_thread.run_sync(tool.answer, given, report, abandon_on_cancel=True)
    except W2SError as error:
        return _failed(error.message, error.reason, error.field)
    return _returned(answer)


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations=types.ToolAnnotations(read_only_hint=not tool.changes, open_world_hint=False),
    )


def _returned(answer: Answer) -> types.CallToolResult:
    data = json.loads(json.dumps(answer.data))  # plain JSON types alone
    return types.CallToolResult(content=[types.TextContent(text=answer.text)], structured_content=data)


def _failed(message: str, reason: str, field: str | None) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(text=message)],
        structured_content={"reason": reason, "field": field, "message": message},
        is_error=True,
    )
