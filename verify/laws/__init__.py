"""What must hold: one file a law, each opening with its inequality."""

from verify.laws import gradient, order, value
from verify.laws.law import Law, Subject

LAWS: dict[str, Law] = {law.name: law for law in (value.LAW, gradient.LAW, order.LAW)}

__all__ = ["LAWS", "Law", "Subject"]
