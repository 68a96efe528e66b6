"""Looks through a `.keras` archive before Keras opens it.

Keras rebuilds whatever classes the configuration in an archive names, with the sizes
it names. Here only the networks of `models.py` get through: nothing foreign is
imported, nothing is unpacked outside, and no layer is larger than the weights that
lie in the file.
"""

import json
import zipfile

from console import Problem
from foreign import untrusted

MEMBERS = ["config.json", "metadata.json", "model.weights.h5"]
CLASSES = {
    "keras.src.models.functional": {"Functional"},
    "keras.layers": {
        *("InputLayer", "Normalization", "LSTM", "MaxPooling1D", "Flatten"),
        *("Dropout", "Dense", "GlobalAveragePooling1D", "Average"),
    },
    "keras.initializers": {"GlorotUniform", "Orthogonal", "Zeros", "Constant"},
    "keras": {"DTypePolicy"},
    "models": {"Movement"},
    None: {"__keras_tensor__"},
}
FUNCTIONS = {"behavior_net>hard_sigmoid"}
LSTM_FORM = ["LSTM", "MaxPooling1D", "Flatten", "Dropout", "Dense"]
POOL_FORM = ["GlobalAveragePooling1D", "Dense"]
MOTION_FORM = ["Movement", "Dense"]
REGISTERED = {"Movement": "behavior_net>Movement"}
FORMS = (LSTM_FORM, POOL_FORM, MOTION_FORM)
LARGEST_CONFIGURATION = 64 * 2**20  # bytes; ten members with statistics need 2 MB


def inspect(path):
    """Refuse an archive that holds anything but one of our networks.

    Parameters
    ----------
    path : Path

    Raises
    ------
    Problem
        It is damaged, or holds something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _inspect_members(path.name, archive)
    except Problem:
        raise
    except Exception as error:  # zipfile and json fail in many ways on spoiled bytes
        raise Problem(
            f"{path.name} is damaged: {untrusted.first_line(error)}"
        ) from error


def _inspect_members(name, archive):
    members = sorted(member.filename for member in archive.infolist())
    if members != MEMBERS:
        raise Problem(f"{name} must hold {MEMBERS} and no more. Received: {members}")
    # Keras stores members as they are; a packed one may unfold to any size.
    if any(member.compress_type for member in archive.infolist()):
        raise Problem(f"{name} is packed in a way Keras never writes")
    if archive.getinfo("config.json").file_size > LARGEST_CONFIGURATION:
        raise Problem(f"{name} has a configuration of absurd size")
    config = json.loads(archive.read("config.json"))
    config["compile_config"] = None  # never used, so no reason to refuse it
    _inspect_classes(name, config)
    n_parameters = _count_parameters(name, config)
    n_bytes = archive.getinfo("model.weights.h5").file_size
    if 4 * n_parameters > n_bytes:
        raise Problem(
            f"{name} declares {n_parameters:,} parameters, more than its {n_bytes:,} "
            "bytes of weights can hold"
        )
    with archive.open("model.weights.h5") as weights:
        untrusted.inspect_hdf5(weights, n_bytes)


def _inspect_classes(name, config):
    """Refuse every class and function that is not listed above."""
    for entry in _entries(config):
        module, kind = entry.get("module"), entry["class_name"]
        known = kind in CLASSES.get(module, ())
        if kind == "function":
            known = entry.get("config") in FUNCTIONS
        names = (None, kind) if kind not in REGISTERED else (REGISTERED[kind],)
        if not known or entry.get("registered_name") not in names:
            raise Problem(
                f"{name} contains {kind!r} of {module!r}, which is not part of our "
                "networks; nothing of it was run"
            )


def _entries(node):
    """Every serialized object within a configuration, outermost first."""
    if isinstance(node, dict):
        if "class_name" in node:
            yield node
        for value in node.values():
            yield from _entries(value)
    elif isinstance(node, list):
        for value in node:
            yield from _entries(value)


def _count_parameters(name, config):
    """Count what the layers of a network declare; refuse other architectures."""
    layers = config["config"]["layers"]
    kinds = [layer["class_name"] for layer in layers]
    body = [kind for kind in kinds[1:] if kind != "Normalization"]
    if kinds[:1] == ["InputLayer"] and "Functional" in body:
        if set(body) <= {"Functional", "Average"}:
            members = [each for each in layers if each["class_name"] == "Functional"]
            return sum(_count_parameters(name, member) for member in members)
    elif kinds[:1] == ["InputLayer"] and body in FORMS:
        _, n_frames, n_features = layers[0]["config"]["batch_shape"]
        n_frames, n_features = untrusted.size(n_frames), untrusted.size(n_features)
        if untrusted.size(layers[-1]["config"]["units"]) != 1:
            raise Problem(f"{name} gives more than one score")
        if body == POOL_FORM:
            return n_features + 1
        if body == MOTION_FORM:
            return 4 * n_features + 1
        units = untrusted.size(layers[-len(LSTM_FORM)]["config"]["units"])
        return 4 * units * (n_features + units + 1) + n_frames // 2 * units + 1
    raise Problem(f"{name} holds another network than ours: {' -> '.join(kinds)}")
