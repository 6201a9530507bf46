"""A Kafka producer that takes lines by the array, with no Python object and no call of Python's for any one of them.

The library underneath is librdkafka: the copy inside the confluent-kafka package, whose own `Producer` makes an object
or two for every message. Here its C interface, which is stable within a major version (see ``rdkafka.h``), is called
with arrays that NumPy has laid out.
"""

import ctypes
from typing import Any

import numpy as np
from confluent_kafka import cimpl
from numpy.typing import NDArray

from workloads.lines import Lines

#: So many messages and more are sorted by partition before they are queued; of fewer, it is not worth the while.
_SORTED_MESSAGES = 100
_PARTITION_PER_MESSAGE = 0x8  # RD_KAFKA_MSG_F_PARTITION
_COPY = 0x2  # RD_KAFKA_MSG_F_COPY
_QUEUE_FULL = -184  # RD_KAFKA_RESP_ERR__QUEUE_FULL
_PRODUCER = 0  # RD_KAFKA_PRODUCER
_OK = 0  # RD_KAFKA_CONF_OK, RD_KAFKA_RESP_ERR_NO_ERROR
_ERROR_TEXT_BYTES = 512
_FULL_WAIT_S = 0.01

#: rd_kafka_message_t
_MESSAGE = np.dtype(
    {
        "names": ["error", "topic", "partition", "payload", "length", "key", "key_length", "offset", "private"],
        "formats": ["i4", "u8", "i4", "u8", "u8", "u8", "u8", "i8", "u8"],
    },
    align=True,
)

#: rd_kafka_vu_t: one property of a message; a union of 64 bytes, of which two words are used here.
_PROPERTY = np.dtype(
    {"names": ["kind", "word", "length"], "formats": ["i4", "u8", "u8"], "offsets": [0, 8, 16], "itemsize": 72}
)
#: RD_KAFKA_VTYPE_RKT, _PARTITION, _VALUE, _MSGFLAGS and _TIMESTAMP
_KINDS = (2, 3, 4, 7, 8)


class _ReportedMessage(ctypes.Structure):
    """The beginning of rd_kafka_message_t, as a delivery report gives it."""

    _fields_ = (("error", ctypes.c_int),)


_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_ReportedMessage), ctypes.c_void_p)


def _load() -> ctypes.CDLL:
    """Librdkafka: its functions are found through the module that has it loaded."""
    library = ctypes.CDLL(cimpl.__file__)
    pointer, text, size, integer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (integer, [pointer, text, text, text, size]),
        "rd_kafka_conf_set_dr_msg_cb": (None, [pointer, _REPORT]),
        "rd_kafka_new": (pointer, [integer, pointer, text, size]),
        "rd_kafka_topic_new": (pointer, [pointer, text, pointer]),
        "rd_kafka_metadata": (integer, [pointer, integer, pointer, ctypes.POINTER(pointer), integer]),
        "rd_kafka_metadata_destroy": (None, [pointer]),
        "rd_kafka_produce_batch": (integer, [pointer, ctypes.c_int32, integer, pointer, integer]),
        "rd_kafka_produceva": (pointer, [pointer, pointer, size]),
        "rd_kafka_error_code": (integer, [pointer]),
        "rd_kafka_error_destroy": (None, [pointer]),
        "rd_kafka_poll": (integer, [pointer, integer]),
        "rd_kafka_outq_len": (integer, [pointer]),
        "rd_kafka_flush": (integer, [pointer, integer]),
        "rd_kafka_err2str": (text, [integer]),
        "rd_kafka_topic_destroy": (None, [pointer]),
        "rd_kafka_destroy": (None, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _load()


class BulkProducer:
    """Sends lines to one topic.

    Attributes:
        failed: how many messages could not be delivered, as far as `poll` and `flush` have heard.
    """

    def __init__(self, properties: dict[str, Any], topic: str) -> None:
        """Make a producer with librdkafka's `properties`. It connects in the background.

        Raises:
            ValueError: a property is not one, or has an impossible value.
        """
        self.failed = 0
        self._report = _REPORT(self._on_report)  # kept, because librdkafka calls it as long as the producer lives
        self._handle = self._new(properties)
        self._topic = _library.rd_kafka_topic_new(self._handle, topic.encode(), None)

    def _new(self, properties: dict[str, Any]) -> int:
        configuration, text = _library.rd_kafka_conf_new(), ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
        # Only failures are reported: what is sent, not queued, and not failed, has arrived.
        for name, value in {**properties, "delivery.report.only.error": True}.items():
            said = str(value).lower() if isinstance(value, bool) else str(value)
            if _library.rd_kafka_conf_set(configuration, name.encode(), said.encode(), text, len(text)) != _OK:
                raise ValueError(text.value.decode())
        _library.rd_kafka_conf_set_dr_msg_cb(configuration, self._report)
        if not (handle := _library.rd_kafka_new(_PRODUCER, configuration, text, len(text))):
            raise ValueError(text.value.decode())
        return int(handle)

    def await_topic(self, timeout_s: float) -> None:
        """Wait until the broker has told about the topic.

        Raises:
            RuntimeError: it does not in time.
        """
        metadata = ctypes.c_void_p()
        timeout_ms = int(timeout_s * 1000)
        error = _library.rd_kafka_metadata(self._handle, 0, self._topic, ctypes.byref(metadata), timeout_ms)
        _raise_if(error)
        _library.rd_kafka_metadata_destroy(metadata)

    def send(self, messages: "Messages", first: int, last: int, stamp_ms: int = 0) -> None:
        """Queue the messages `first` to `last` - 1, each after the other. Waits while the queue is full.

        With a `stamp_ms`, in milliseconds since the Unix epoch, they have it for a time instead of now, and each is
        queued by itself, without a key, because batches take no times.

        Raises:
            RuntimeError: librdkafka refuses one for another reason than a full queue.
        """
        if stamp_ms:
            self._send_stamped(messages.array[first:last], stamp_ms)
            return
        messages.sort_by_partition(first, last)
        while first < last:
            wanted = last - first
            address = messages.array.ctypes.data + first * _MESSAGE.itemsize
            flags = _COPY | _PARTITION_PER_MESSAGE
            if _library.rd_kafka_produce_batch(self._topic, 0, flags, address, wanted) == wanted:
                return
            # The broker is behind. Waiting here shows as schedule error, which is what it is.
            first = messages.keep_refused(first, last)
            self.poll(_FULL_WAIT_S)

    def _send_stamped(self, messages: NDArray[np.void], stamp_ms: int) -> None:
        properties = np.zeros((len(messages), len(_KINDS)), dtype=_PROPERTY)
        properties["kind"] = _KINDS
        words = self._topic, messages["partition"], messages["payload"], _COPY, stamp_ms
        for number, word in enumerate(words):
            properties["word"][:, number] = word
        properties["length"][:, _KINDS.index(4)] = messages["length"]
        start, size = properties.ctypes.data, _PROPERTY.itemsize * len(_KINDS)
        for address in range(start, start + size * len(messages), size):
            while error := _library.rd_kafka_produceva(self._handle, address, len(_KINDS)):
                code = _library.rd_kafka_error_code(error)
                _library.rd_kafka_error_destroy(error)
                if code != _QUEUE_FULL:
                    _raise_if(code)
                self.poll(_FULL_WAIT_S)

    def poll(self, timeout_s: float = 0.0) -> None:
        """Hear about failures; wait up to `timeout_s` for one."""
        _library.rd_kafka_poll(self._handle, int(timeout_s * 1000))

    @property
    def waiting(self) -> int:
        """How many messages have neither arrived nor failed yet; at times, a few more."""
        return int(_library.rd_kafka_outq_len(self._handle))

    def flush(self, timeout_s: float) -> None:
        """Send everything that is queued, and wait for it up to `timeout_s`."""
        _library.rd_kafka_flush(self._handle, int(timeout_s * 1000))
        # Whatever else is to be told of, such as a lost connection, counts among those that wait until it is heard.
        self.poll()

    def close(self) -> None:
        """Free everything. What is still queued is lost."""
        _library.rd_kafka_topic_destroy(self._topic)
        _library.rd_kafka_destroy(self._handle)

    def _on_report(self, _handle: int, message: Any, _opaque: int) -> None:
        self.failed += message.contents.error != _OK


class Messages:
    """Lines, and their keys, as librdkafka wants to be told of them.

    Attributes:
        array: one rd_kafka_message_t for each line, shape (lines,).
    """

    def __init__(self, lines: Lines, partitions: NDArray[np.int64], keys: Lines | None = None) -> None:
        """Lay out `lines`, which go to `partitions`, shape (lines,), with `keys`, or without."""
        self._lines, self._keys = lines, keys  # the array points into them
        self.array = np.zeros(len(partitions), dtype=_MESSAGE)
        self.array["partition"] = partitions
        self._lay_out(lines, "payload", "length")
        if keys:
            self._lay_out(keys, "key", "key_length")

    def _lay_out(self, lines: Lines, address: str, length: str) -> None:
        self.array[address] = _addresses(lines.rows)
        self.array[length] = lines.lengths
        for number, line in lines.others.items():
            self.array[address][number] = ctypes.cast(ctypes.c_char_p(line), ctypes.c_void_p).value
            self.array[length][number] = len(line)

    def sort_by_partition(self, first: int, last: int) -> None:
        """Put the messages `first` to `last` - 1 in the order of their partitions; those of each keep theirs.

        librdkafka locks a partition's queue for each message, and its thread takes from the others meanwhile.
        """
        own = self.array[first:last]
        if last - first >= _SORTED_MESSAGES and (np.diff(own["partition"]) < 0).any():
            self.array[first:last] = own[np.argsort(own["partition"], kind="stable")]

    def keep_refused(self, first: int, last: int) -> int:
        """Move those of the messages `first` to `last` - 1 that were refused to the end, in their order.

        Returns: the number of the first of them.

        Raises:
            RuntimeError: one was refused for another reason than a full queue.
        """
        errors = self.array["error"][first:last]
        if (others := errors[(errors != _OK) & (errors != _QUEUE_FULL)]).size:
            _raise_if(int(others[0]))
        refused = self.array[first:last][errors != _OK]
        refused["error"] = _OK
        self.array[last - len(refused) : last] = refused
        return last - len(refused)


def _addresses(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Where each of the `rows` begins."""
    count, width = rows.shape
    addresses: NDArray[np.uint64] = rows.ctypes.data + np.arange(count, dtype=np.uint64) * width
    return addresses


def _raise_if(error: int) -> None:
    if error != _OK:
        raise RuntimeError(f"Kafka's client: {_library.rd_kafka_err2str(error).decode()}")
