"""What a developer orders for the next messages."""

from django import forms

from styleguide_example.embedded.answers import Answer, Order, Stage

_THEN = {
    Answer.LATER: "The product waits, slows down, and tries again.",
    Answer.NEVER: "The e-mail fails at once; a person may retry it.",
    Answer.CUT: "The product tries again, with the same Message-ID.",
    Answer.SILENCE: "Then all goes on as if nothing had been.",
}


class OrderForm(forms.Form):
    """Which answer, at which step, how often. No number means: until it is switched off."""

    answer = forms.ChoiceField(
        choices=[(answer.value, f"{answer.label}. {then}") for answer, then in _THEN.items()],
        initial=Answer.LATER,
        widget=forms.RadioSelect,
    )
    stage = forms.ChoiceField(choices=Stage.choices, initial=Stage.DATA, label="When")
    count = forms.IntegerField(
        min_value=1,
        max_value=1000,
        initial=1,
        required=False,
        label="How many messages",
        help_text="Leave it empty: until you switch it off.",
    )

    def order(self) -> Order:
        """Return what was filled in. Call it when the form is valid."""
        return Order(
            answer=Answer(self.cleaned_data["answer"]),
            stage=Stage(self.cleaned_data["stage"]),
            left=self.cleaned_data["count"],
        )
