"""Every template of an e-mail with every sample in every language: what it becomes, or why it is broken."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.conf import settings
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.base import Node
from django.template.loader import get_template
from django.template.loader_tags import BlockNode, ExtendsNode

from styleguide_example.emails.rendering import ENGINE, Rendered, template_render
from styleguide_example.emails.samples import samples_without_template, template_names, template_samples

N = TypeVar("N", bound=Node)


@dataclass(frozen=True)
class Look:
    """A template with one sample in one language. Broken: there is an ``error`` and nothing was rendered."""

    template: str
    sample: str
    language: str
    rendered: Rendered | None = None
    error: str = ""

    @property
    def complaint(self) -> str:
        """What is wrong, and with which sample in which language. Empty for one that is whole."""
        where = f" (sample {self.sample!r}, language {self.language})" if self.sample and self.error else ""
        return f"{self.error}{where}"


def template_looks(template: str) -> list[Look]:
    """Return ``template`` with each sample in each of ``LANGUAGES``; without samples one look, which says so."""
    try:
        samples = template_samples(template)
        with suppress(TemplateSyntaxError, TemplateDoesNotExist):  # its rendering says so, and where
            _blocks_check(template)
    except ValueError as error:
        return [Look(template, sample="", language=settings.LANGUAGE_CODE, error=str(error))]
    languages = [code for code, _ in settings.LANGUAGES]
    return [_look(template, sample, samples[sample], language) for sample in samples for language in languages]


def broken() -> Iterator[str]:
    """Yield what is wrong with any template, in words that name the file, the sample and the language."""
    for template in template_names():
        yield from (look.complaint for look in template_looks(template) if look.error)
    for template in samples_without_template():
        yield f"emails/{template}.sample.json has no template: delete it, or write emails/{template}.html."


def _blocks_check(template: str) -> None:
    """Check that each block is one of the layout's: what stands in any other is shown nowhere.

    Raises:
        ValueError: with those that are not.
        TemplateDoesNotExist, TemplateSyntaxError: for it or what it extends.
    """
    known: set[str] = set()
    own = extends = _extends(f"emails/{template}.html")
    while extends is not None:
        parent = str(getattr(extends.parent_name, "var", ""))
        known |= {block.name for block in _all_of(BlockNode, parent)}
        extends = _extends(parent)
    stray = [node.name for node in own.nodelist if isinstance(node, BlockNode)] if own is not None else []
    if unknown := [name for name in stray if name not in known]:
        raise ValueError(f"emails/{template}.html fills {', '.join(unknown)}, which its layout does not have.")


def _extends(name: str) -> ExtendsNode | None:
    return next(iter(_all_of(ExtendsNode, name)), None)


def _all_of(kind: type[N], name: str) -> list[N]:
    template: Any = get_template(name, using=ENGINE)  # template engines have no class in common
    return cast("list[N]", template.template.nodelist.get_nodes_by_type(kind))


def _look(template: str, sample: str, context: Mapping[str, Any], language: str) -> Look:
    try:
        rendered = template_render(template=template, context=context, language=language)
    except Exception as error:  # noqa: BLE001  whatever a template can do wrong is what this is here to show
        return Look(template, sample, language, error=f"{type(error).__name__}: {error}")
    return Look(template, sample, language, rendered=rendered)
