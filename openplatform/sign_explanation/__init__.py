"""Why a call is refused: reads a request as it was pasted, and finds which rule of signing it breaks.

For who holds the secret: an operator, or the ISV at their own terminal. Callers of the gateway are told what the form of a
signature gives away by itself (`signing.sign_fault`) and never more.
"""

from openplatform.sign_explanation.explaining import Explanation, explain
from openplatform.sign_explanation.findings import Finding
from openplatform.sign_explanation.pasted import PastedRequest, read_pasted

__all__ = ["Explanation", "Finding", "PastedRequest", "explain", "read_pasted"]
