"""Spare builds that are forked from one process what dbt does anew for each node.

Nothing here changes what dbt does; only how often it prepares the same.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import parsedatetime
from dbt.clients.jinja import MacroGenerator
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt_common.clients.jinja import MacroFuzzEnvironment, get_template, template_cache
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType

    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.graph.nodes import Macro


class Heard:
    """The debug messages that somebody reads."""

    names: frozenset[str] = frozenset()


def prepare(manifest: Manifest) -> None:
    """Do once what the builds forked later share, and have them use it."""
    _prepare_messages()
    _prepare_macros(manifest)
    _prepare_templates(manifest)
    # For each of thousands of columns that may hold dates.
    parsedatetime.Constants = functools.cache(parsedatetime.Constants)


def _prepare_messages() -> None:
    """Leave out messages that nobody reads: they are not even composed."""
    fire_event = EventManager.fire_event
    compose = BaseEvent.__init__
    get = BaseEvent.__getattr__

    def fire_heard_event(
        manager: EventManager,
        event: BaseEvent,
        level: EventLevel | None = None,
        **options: Any,
    ) -> None:
        is_debug = (level or event.level_tag()) == EventLevel.DEBUG
        if not is_debug or type(event).__name__ in Heard.names:
            fire_event(manager, event, level, **options)

    def keep(event: BaseEvent, *arguments: Any, **options: Any) -> None:
        vars(event)["to_compose"] = arguments, options

    def compose_once_read(event: BaseEvent, name: str) -> Any:
        if "to_compose" in vars(event):
            arguments, options = vars(event).pop("to_compose")
            compose(event, *arguments, **options)
        return vars(event).get(name) or get(event, name)

    EventManager.fire_event = fire_heard_event
    BaseEvent.__init__ = keep
    BaseEvent.__getattr__ = compose_once_read


class _Namespace(MacroNamespace):
    """The macros that a node may name, with those that hide others found at once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._found: dict[str, Any] = {}
        for members in reversed([*self._search_order()]):
            self._found |= members

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __getitem__(self, key: str) -> Any:
        return self._found[key]


def _prepare_macros(manifest: Manifest) -> None:
    """Sort hundreds of macros once for all contexts in which they are called."""
    build = MacroNamespaceBuilder.build_namespace
    sorted_once: dict[tuple[str, ...], MacroNamespace] = {}

    def build_from_sorted(
        builder: MacroNamespaceBuilder,
        macros_by_package: Mapping[str, Mapping[str, Macro]],
        context: dict[str, Any],
    ) -> MacroNamespace:
        key = (
            *(builder.root_package, builder.search_package),
            *builder.internal_package_names_order,
        )
        if key not in sorted_once:
            sorted_once[key] = build(builder, macros_by_package, {})
        found = sorted_once[key]

        def bound(members: Mapping[str, MacroGenerator]) -> dict[str, MacroGenerator]:
            generators = {}
            for name, member in members.items():
                # Without the calls of three constructors, for there are so many.
                generator = generators[name] = MacroGenerator.__new__(MacroGenerator)
                generator.macro = member.macro
                generator.context = context
                generator.node = builder.node
                generator.stack = builder.thread_ctx
            return generators

        return _Namespace(
            global_namespace=bound(found.global_namespace),
            local_namespace=bound(found.local_namespace),
            global_project_namespace=bound(found.global_project_namespace),
            packages={
                package: bound(members) for package, members in found.packages.items()
            },
        )

    MacroNamespaceBuilder.build_namespace = build_from_sorted
    for macro in manifest.macros.values():
        template_cache.get_node_template(macro)


def _prepare_templates(manifest: Manifest) -> None:
    """Compile each template once."""
    compile_template = MacroFuzzEnvironment.compile
    compiled: dict[tuple[type, str], CodeType] = {}

    def compile_once(
        environment: MacroFuzzEnvironment, source: Any, *options: Any, **more: Any
    ) -> Any:
        key = (type(environment), source)
        if not isinstance(source, str) or options or more:
            return compile_template(environment, source, *options, **more)
        if key not in compiled:
            compiled[key] = compile_template(environment, source)
        return compiled[key]

    MacroFuzzEnvironment.compile = compile_once
    for node in manifest.nodes.values():
        get_template(node.raw_code, {}, node)
