"""A figure's function as an ONNX graph, and how far it is from torch."""

import hashlib
import logging
import math
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from course_lib.live.figure import Figure

FOLD_LIMIT = 4096  # elements: sampling grids and other ramps are cheaper to compute than to ship
SHARED_FROM = 4096  # bytes: weights above this go to a file that other figures can share
SPLIT_FROM = 262_144  # bytes: a graph whose weights are lighter than this stays in one file


class _Callable(torch.nn.Module):
    """What torch.onnx.export wants: a module, with the network of the figure inside when there is one."""

    def __init__(self, figure: "Figure"):
        super().__init__()
        self.figure = figure
        self.network = figure.function if isinstance(figure.function, torch.nn.Module) else None

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        return self.figure.call(*arguments)


def export(figure: "Figure") -> bytes:
    """The figure's function as one ONNX file.

    Raises:
        ImportError: if onnx or onnxscript is missing; a notebook does without them.
        RuntimeError: if torch cannot export the function.
    """
    exporter = "torch.onnx._internal.exporter"
    for name in (f"{exporter}._registration", f"{exporter}._core", "onnxscript"):  # a page may not print warnings
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = _program(figure)
        _tidy(program.model)
    model = program.model_proto
    model.graph.ClearField("value_info")  # shapes of all intermediate results, which nobody needs
    return model.SerializeToString(deterministic=True)


def _tidy(model: Any) -> None:
    """Folds small constants, shares what is computed twice, drops names of source files.

    The exporter's own optimizer would fold whole sampling grids into the file, and tries thousands of rewriting rules,
    which takes longer than the export; onnxruntime optimizes the graph again when it loads it.
    """
    import onnx_ir.passes
    import onnx_ir.passes.common as common
    import onnxscript.optimizer

    common.InlinePass()(model)
    onnxscript.optimizer.fold_constants(model, output_size_limit=FOLD_LIMIT)
    onnx_ir.passes.Sequential(
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),
        common.RemoveUnusedOpsetsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(size_limit=2**31),
        common.CommonSubexpressionEliminationPass(),
        common.IdentityEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.OutputFixPass(),
        common.NameFixPass(),
        common.ClearMetadataAndDocStringPass(),
    )(model)


def _program(figure: "Figure") -> Any:
    try:
        program = torch.onnx.export(
            _Callable(figure).eval(),
            tuple(figure.arguments({})),
            input_names=[part.name for part in figure.inputs],
            output_names=[part.name for part in figure.outputs],
            dynamo=True,
            optimize=False,  # see _tidy
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        hint = "; write both bounds of clamp as floats" if "aten.clamp" in reason else ""
        raise RuntimeError(f"Figure {figure.name!r}: torch cannot export its function: {reason}{hint}") from error
    assert program is not None
    return program


def split(graph: bytes) -> tuple[bytes, dict[str, bytes]]:
    """A graph with a network in it as a small graph and a file of weights, the same for every figure with that network.

    Returns:
        The graph, and {file name: weights}; no files when the weights are light.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    heavy = [tensor for tensor in model.graph.initializer if len(tensor.raw_data) >= SHARED_FROM]
    if sum(len(tensor.raw_data) for tensor in heavy) < SPLIT_FROM:
        return graph, {}
    heavy.sort(key=lambda tensor: hashlib.sha256(tensor.raw_data).digest())  # whatever the exporter called them
    weights = b"".join(tensor.raw_data for tensor in heavy)
    name, offset = f"{digest(weights)}.bin", 0
    for tensor in heavy:
        place = {"location": name, "offset": str(offset), "length": str(len(tensor.raw_data))}
        offset += len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=value)
    return model.SerializeToString(deterministic=True), {name: weights}


def digest(content: bytes) -> str:
    """Name of a file by its content."""
    return hashlib.sha256(content).hexdigest()[:20]


def session(graph: bytes) -> Any:
    """onnxruntime session on one CPU thread, as in the browser."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def run_graph(figure: "Figure", runtime: Any, values: dict[str, Any]) -> dict[str, Tensor]:
    """Outputs of the exported graph for some values, in onnxruntime."""
    known = {part.name for part in runtime.get_inputs()}  # an input that the function ignores may be gone
    feeds = dict(zip((part.name for part in figure.inputs), figure.arguments(values), strict=True))
    results = runtime.run(None, {name: tensor.numpy() for name, tensor in feeds.items() if name in known})
    return {part.name: torch.from_numpy(result) for part, result in zip(figure.outputs, results, strict=True)}


def random_values(figure: "Figure", generator: torch.Generator) -> dict[str, Any]:
    """A random setting of every input."""
    return {part.name: part.draw(generator) for part in figure.inputs}


def compare(figure: "Figure", cases: int = 5, generator: torch.Generator | None = None) -> float:
    """Largest relative difference between torch and onnxruntime over random settings of the inputs.

    Each bar, number and curve is measured against the largest value it takes over the cases, drawings against their
    largest coordinate; of a picture the root mean square difference is taken, since where a function rounds (JPEG) the
    last bit of a float can move a few pixels by a whole level.

    Args:
        figure: the figure.
        cases: number of random settings; the start comes on top.
        generator: source of the settings; one with seed 0 by default.

    Returns:
        Largest difference, in [0, ∞).
    """
    generator = generator or torch.Generator().manual_seed(0)
    settings = [figure.initial, *(random_values(figure, generator) for _ in range(cases))]
    runtime = session(figure.export())
    cpu = torch.device("cpu")
    pairs = [(figure.compute(values, cpu), run_graph(figure, runtime, values)) for values in settings]
    return max(
        difference(output.kind, [(ours[output.name], theirs[output.name]) for ours, theirs in pairs])
        for output in figure.outputs
    )


def difference(kind: str, pairs: list[tuple[Tensor, Tensor]]) -> float:
    """Largest difference in pairs of outputs, relative to the largest value that each number takes.

    Args:
        kind: "bars", "readout" and "table" are measured number by number, "curves" curve by curve, "wire" as a whole;
            "picture" by the root of the mean square.
        pairs: (expected, got) tensors of one shape.

    Returns:
        Difference in [0, ∞); infinite when one has a NaN where the other has none.
    """
    expected = torch.stack([pair[0] for pair in pairs]).double()
    got = torch.stack([pair[1] for pair in pairs]).double()
    if not expected.isfinite().equal(got.isfinite()):
        return math.inf
    apart, size = (expected - got).nan_to_num(0, 0, 0).abs(), expected.nan_to_num(0, 0, 0).abs()
    if kind == "picture":
        return float(apart.square().mean((1, 2, 3, 4)).max().sqrt())
    over = {"bars": (0,), "readout": (0,), "table": (0,), "curves": (0, 2)}.get(kind, tuple(range(expected.ndim)))
    return float((apart / size.amax(over, keepdim=True).clamp(min=1e-12)).max())
