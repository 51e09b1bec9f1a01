"""Readers of a Streamlit page without browsers: each speaks the page's protocol over a websocket.

A reader opens the page, then thinks and changes one choice, again and again, as a browser would:
it sends the state of every control, and names the long messages that it keeps, which the server
then need not send again. What a browser draws is not in the time.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import StringArray
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

READERS = 20
THINKING, READING = 5.0, 60.0  # seconds: between two changes, and of a whole visit
PATIENCE = 120  # seconds
LARGEST = 2**26  # bytes of a message


def busy_change(url: str) -> float:
    """The median seconds of a change while 20 readers think 5 s each between two, for a minute."""
    return asyncio.run(_busy_change(url.replace("http", "ws", 1)))


async def _busy_change(url: str) -> float:
    visits = [_visit(url, Random(number)) for number in range(READERS)]
    return median([seconds for visit in await asyncio.gather(*visits) for seconds in visit])


async def _visit(url: str, random: Random) -> list[float]:
    """Open the page at some moment, then change one choice after another; seconds of each."""
    await asyncio.sleep(random.uniform(0, THINKING))
    until = time.perf_counter() + READING
    taken = []
    address = f"{url}/_stcore/stream"
    async with connect(
        address, subprotocols=[Subprotocol("streamlit")], max_size=LARGEST
    ) as socket:
        reader = Reader(socket)
        await reader.rerun()
        while time.perf_counter() < until:
            await asyncio.sleep(THINKING)
            reader.change(random)
            taken.append(await reader.rerun())
    return taken


@dataclass(frozen=True)
class Control:
    """A control that offers a few options: a list of them, or buttons side by side."""

    id: str
    label: str
    parameter: str
    options: tuple[str, ...]
    default: str
    is_list: bool

    def state(self, chosen: str) -> WidgetState:
        """What the browser says of it."""
        if self.is_list:
            return WidgetState(id=self.id, string_value=chosen)
        return WidgetState(id=self.id, string_array_value=StringArray(data=[chosen]))


@dataclass
class Reader:
    """An open page, its controls, what is chosen on them, and the messages that are kept."""

    socket: ClientConnection
    controls: dict[str, Control] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    def change(self, random: Random) -> None:
        """Choose anything else on any one of the controls."""
        several = [one for one in self.controls.values() if len(one.options) > 1]
        control = random.choice(several)
        others = [one for one in control.options if one != self.chosen[control.label]]
        self.chosen[control.label] = random.choice(others)

    async def rerun(self) -> float:
        """Have the page drawn with what is chosen; returns the seconds that took."""
        started = time.perf_counter()
        await self.socket.send(self._request().SerializeToString())
        found: dict[str, Control] = {}
        while True:
            said = await asyncio.wait_for(self.socket.recv(decode=False), PATIENCE)
            message = ForwardMsg.FromString(said)
            if message.metadata.cacheable:
                self.kept.add(message.hash)
            kind = message.WhichOneof("type")
            if kind == "delta":
                found |= {one.label: one for one in _controls(message)}
            if kind == "script_finished":
                break
        self.controls = found
        self.chosen = {
            one.label: chosen
            if (chosen := self.chosen.get(one.label)) in one.options
            else one.default
            for one in found.values()
        }
        return time.perf_counter() - started

    def _request(self) -> BackMsg:
        request = BackMsg()
        client = request.rerun_script
        for label, control in self.controls.items():
            client.widget_states.widgets.append(control.state(self.chosen[label]))
        changed = {
            one.parameter: self.chosen[label]
            for label, one in self.controls.items()
            if self.chosen[label] != one.default
        }
        client.query_string = urlencode(changed)
        client.cached_message_hashes.extend(self.kept)
        return request


def _controls(message: ForwardMsg) -> Sequence[Control]:
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    if kind == "selectbox":
        box = element.selectbox
        options = tuple(box.options)
        default = box.options[box.default]
        return [Control(box.id, box.label, box.query_param_key, options, default, True)]
    if kind == "button_group":
        group = element.button_group
        options = tuple(one.content for one in group.options)
        default = options[group.default[0]]
        return [Control(group.id, group.label, group.query_param_key, options, default, False)]
    return []
