"""THE LIST: what happens to every call, in order; and the runner that takes a call through it."""

import logging
import time
from collections.abc import Sequence
from types import FunctionType, MethodType

from gateway.call import Call, Filter
from gateway.filters.answer_built_in import AnswerBuiltIn
from gateway.filters.answer_from_cache import AnswerFromCache, LandFlight, NoteAnswer, ServeStale
from gateway.filters.authenticate_session import AuthenticateSession
from gateway.filters.check_permission import CheckPermission
from gateway.filters.count_call import CountCall
from gateway.filters.guard_replay import GiveSignatureBack, GuardReplay
from gateway.filters.identify_app import IdentifyApp
from gateway.filters.invoke_service import InvokeService
from gateway.filters.limit_calls import LimitCalls
from gateway.filters.publish_call_log import PublishCallLog
from gateway.filters.record_trace import RecordTrace
from gateway.filters.render import FinishAnswer, RenderAnswer, RenderError
from gateway.filters.run_batch import RunBatch
from gateway.filters.settle_charge import SettleCharge
from gateway.filters.validate_arguments import ValidateArguments
from gateway.filters.validate_params import ValidateBatch, ValidateParams, ValidatePart
from gateway.filters.verify_sign import VerifySign
from gateway.own_filters import OwnFilters
from gateway.resources import Resources
from gateway.settings import GatewaySettings
from openplatform import stage_times
from openplatform.errors import UNKNOWN_ERROR, OpenPlatformError, PlatformUnavailable

log = logging.getLogger(__name__)


class Pipeline:
    """pre: checks before anything is spent or forwarded; routing: the service call; post: the answer of a call that went well;
    error: what is done for one that did not, its answer last; finish: runs for every call, whatever happened.

    An error stage that finds an answer after all takes call.error away: post follows, and the rest of error does not.
    """

    def __init__(
        self,
        *,
        pre: Sequence[Filter],
        routing: Sequence[Filter],
        post: Sequence[Filter],
        error: Sequence[Filter],
        finish: Sequence[Filter],
    ) -> None:
        self.pre = tuple(pre)
        self.routing = tuple(routing)
        self.post = tuple(post)
        self.error = tuple(error)
        self.finish = tuple(finish)
        self._complained = 0.0
        self._steps = (*self.pre, *self.routing, *self.post)
        self._run_steps = tuple(map(_direct, self._steps))
        self._run_finish = tuple(map(_direct, self.finish))

    async def run(self, call: Call) -> None:
        """Takes the call to its answer; raises nothing but cancellation. A call with `stamps` gets its stages timed."""
        try:
            if call.stamps is None:
                for step in self._run_steps:
                    # A stage that never waits costs no await.
                    waiting = step(call)
                    if waiting is not None:
                        await waiting
            else:
                await self._run_timed(call, call.stamps)
        except OpenPlatformError as error:
            # It holds the frames, they the call, the call this error: left to the collector, refusals stop all other calls for ms.
            error.__traceback__ = None
            if isinstance(error, PlatformUnavailable):
                self._complain(call, error)
            await self._fail(call, error)
        except Exception:
            log.exception("call %s failed", call.request_id)
            await self._fail(call, UNKNOWN_ERROR())
        except BaseException:
            self._give_up(call)
            raise
        finally:
            for step in self._run_finish:
                step(call)
            if call.shows_stamps and call.stamps is not None:
                call.headers.append((stage_times.ANSWER_HEADER.encode(), stage_times.shown(call.stamps).encode()))

    async def _fail(self, call: Call, error: OpenPlatformError) -> None:
        call.error = error
        try:
            for step in self.error:
                waiting = step(call)
                if waiting is not None:
                    await waiting
                if not call.has_failed:
                    for answering in self.post:
                        waiting = answering(call)
                        if waiting is not None:
                            await waiting
                    return
        except Exception as second:
            if not isinstance(second, OpenPlatformError):
                log.exception("call %s failed once more", call.request_id)
            call.error = error  # what ended the call first is what its caller should know
            self.error[-1](call)
        except BaseException:
            self._give_up(call)
            raise

    def _give_up(self, call: Call) -> None:
        """The caller has left, or the process ends: nobody reads an answer, the record is still due."""
        call.error = UNKNOWN_ERROR("the call was given up")
        call.given_up = True
        self.error[-1](call)

    def _complain(self, call: Call, error: PlatformUnavailable) -> None:
        """Faults of our own stores, at most once a second: each call has its record, the process log only has to say so."""
        now = time.monotonic()
        if now - self._complained >= 1:
            self._complained = now
            log.warning("call %s met a fault of ours: %s", call.request_id, error.sub_msg)

    async def _run_timed(self, call: Call, stamps: list[tuple[str, float]]) -> None:
        for step in self._steps:
            started = time.perf_counter()
            try:
                waiting = step(call)
                if waiting is not None:
                    await waiting
            finally:
                stamps.append((type(step).__name__, (time.perf_counter() - started) * 1e6))


def _direct(step: Filter) -> Filter:
    """The same, called faster: an object's `__call__` is looked up once instead of for every call."""
    if isinstance(step, FunctionType | MethodType):
        return step
    called: Filter = getattr(step, "__call__")  # noqa: B004, B009  # mypy knows a callable's type only
    return called


def build_pipeline(r: Resources, s: GatewaySettings, own: OwnFilters) -> Pipeline:
    """The platform's stages, the operator's own among them. To add a rule: one file in filters/, one line here, one test file."""
    return Pipeline(
        pre=(
            ValidateParams(r.catalog, r.clock, window_s=s.timestamp_window_s, max_params=s.max_params),
            IdentifyApp(r.catalog),
            VerifySign(r.clock, failures_per_minute=s.failed_signatures_per_minute),
            CheckPermission(),
            AuthenticateSession(r.sessions, r.clock),
            ValidateArguments(r.catalog),
            *own.pre,
            LimitCalls(
                r.quota,
                default_minute_limit=s.default_minute_limit,
                fallback=r.local_quota if s.when_limits_unavailable == "local" else None,
                processes=r.peers.count,
                metrics=r.metrics,
                clock=r.clock,
            ),
        ),
        routing=(
            AnswerBuiltIn(r.catalog, r.quota, r.balances, r.clock, default_minute_limit=s.default_minute_limit),
            *own.routing,
            AnswerFromCache(r.answers),
            GuardReplay(r.signatures, window_s=s.timestamp_window_s),
            InvokeService(r.upstreams, r.guards, r.metrics, internal_key=s.internal_keys[0]),
            NoteAnswer(),
        ),
        post=(*own.post, RenderAnswer()),
        error=(GiveSignatureBack(r.signatures), ServeStale(r.answers), *own.error, RenderError()),
        finish=(
            FinishAnswer(),
            SettleCharge(r.charges, r.clock),
            LandFlight(r.answers),
            CountCall(r.metrics, r.clock),
            *(() if r.traces is None else (RecordTrace(r.traces, r.clock),)),
            PublishCallLog(r.logs, r.clock, serv_ip=r.serv_ip, node=s.node),
        ),
    )


def build_batch(single: Pipeline, r: Resources, s: GatewaySettings) -> Pipeline:
    """The same list for batches: what comes before the signature is known to be right once for the batch, what comes after it
    for each call that it carries, by the very same filters."""
    checks = {"window_s": s.timestamp_window_s, "max_params": s.max_params}
    signed = next(n for n, step in enumerate(single.pre, start=1) if isinstance(step, VerifySign))
    before = [step for step in single.pre[:signed] if not isinstance(step, ValidateParams)]
    part = Pipeline(
        pre=(ValidatePart(r.catalog, r.clock, **checks), *single.pre[signed:]),
        routing=single.routing,
        post=single.post,
        error=single.error,
        finish=[step for step in single.finish if not isinstance(step, FinishAnswer)],
    )
    return Pipeline(
        pre=(ValidateBatch(r.catalog, r.clock, **checks), *before),
        routing=(RunBatch(part.run, r.catalog, max_calls=s.max_batch_calls, max_params=s.max_params),),
        post=(),
        error=single.error[-1:],
        finish=single.finish,
    )
