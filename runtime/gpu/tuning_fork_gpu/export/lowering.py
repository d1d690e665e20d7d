"""Writes a function of PyTorch tensors as an ONNX graph, gradients and all.

The function is traced with symbolic sizes into some forty ATen operators; each has its ONNX form in the table below, where it helps one
of ONNX Runtime's fused ones. Transposes before a matrix product are folded into it. Whatever isn't in the table is refused by name.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

FUSED = "com.microsoft"
TYPES = {
    torch.float32: TensorProto.FLOAT, torch.float64: TensorProto.DOUBLE, torch.int32: TensorProto.INT32, torch.int64: TensorProto.INT64, torch.bool: TensorProto.BOOL,
}  # fmt: skip
aten = torch.ops.aten

Node = Any
"""An fx.Node, whose arguments have the types that its operator says."""
Size = int | torch.SymInt
Lowered = str | list[str]
Form = Callable[..., Lowered]
"""(lowering, node, *the node's arguments): what the values are called."""


def to_onnx(function: Callable[..., Sequence[Tensor]], inputs: dict[str, Tensor], outputs: Sequence[str]) -> onnx.ModelProto:
    """`inputs` are examples: sizes that differ stay free, so no two free sizes may be alike, and none may be 1."""
    # clones, because the trace takes one tensor given twice for one input
    traced = make_fx(function, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*(value.clone() for value in inputs.values()))
    return Lowering(traced, list(inputs)).model(outputs)


class Lowering:
    def __init__(self, traced: fx.GraphModule, inputs: Sequence[str]) -> None:
        self.traced = traced
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[tuple[str, bytes, tuple[int, ...]], onnx.TensorProto] = {}
        self.sizes: dict[Any, str] = {}
        placeholders: list[Node] = [node for node in traced.graph.nodes if node.op == "placeholder"]
        self.inputs = dict(zip(inputs, placeholders, strict=True))
        self.values: dict[Node, Lowered] = {node: name for name, node in self.inputs.items()}

    def model(self, outputs: Sequence[str]) -> onnx.ModelProto:
        for node in self.traced.graph.nodes:
            if node.op == "get_attr":
                self.values[node] = self.constant(getattr(self.traced, str(node.target)).numpy())
            elif node.op == "call_function" and isinstance(node.meta.get("val"), Tensor | list | tuple):
                self.values[node] = self.lower(node)
        (returned,) = next(node for node in self.traced.graph.nodes if node.op == "output").args
        named: dict[str, Node] = dict(zip(outputs, returned, strict=True))
        for name, node in named.items():
            self.add("Identity", [self.value(node)], name)
        kept, used = live(self.nodes, outputs)
        inputs, results = ([self.declare(name, node) for name, node in some.items()] for some in (self.inputs, named))
        graph = helper.make_graph(kept, "tuning_fork", inputs, results, [constant for constant in self.constants.values() if constant.name in used])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(FUSED, 1)], ir_version=10, producer_name="tuning-fork")

    def declare(self, name: str, node: Node) -> onnx.ValueInfoProto:
        value = node.meta["val"]
        return helper.make_tensor_value_info(name, TYPES[value.dtype], [size if isinstance(size, int) else str(size) for size in settled(value.shape)])

    def lower(self, node: Node) -> Lowered:
        form = FORMS.get(node.target)
        if form is None:
            raise NotImplementedError(f"{node.target} has no ONNX form here; add one to {__file__}.")
        return form(self, node, *node.args)

    def add(self, kind: str, inputs: Sequence[str], output: str = "", domain: str = "", **attributes: Any) -> str:
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def value(self, node: Node) -> str:
        value = self.values[node]
        assert isinstance(value, str)
        return value

    def constant(self, value: Any, kind: Any = None) -> str:
        array = np.asarray(value, kind)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"c{len(self.constants)}")
        return self.constants[key].name

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def operand(self, argument: Node | float, kind: torch.dtype) -> str:
        """A tensor, a number or a size, as the type PyTorch would promote it to."""
        if not isinstance(argument, fx.Node):
            return self.constant(argument, helper.tensor_dtype_to_np_dtype(TYPES[kind]))
        value = argument.meta["val"]
        if not isinstance(value, Tensor):
            return self.add("Cast", [self.add("Squeeze", [self.size(value)])], to=TYPES[kind])
        return self.value(argument) if value.dtype == kind else self.add("Cast", [self.value(argument)], to=TYPES[kind])

    def shape(self, node: Node, most_free: int = 0) -> str:
        """Of a value. One free size can be left to the runtime, where the operator knows -1; more are computed from the sizes of the inputs."""
        sizes = settled(node.meta["val"].shape)
        if sum(not isinstance(size, int) for size in sizes) <= most_free:
            return self.integers(*(size if isinstance(size, int) else -1 for size in sizes))
        return self.add("Concat", [self.size(size) for size in sizes], axis=0)

    def size(self, size: Size) -> str:
        return self.integers(size) if isinstance(size, int) else self.expression(size.node.expr)

    def expression(self, expression: Any) -> str:
        if expression not in self.sizes:
            self.sizes[expression] = self.compute(expression)
        return self.sizes[expression]

    def compute(self, expression: Any) -> str:
        if expression.is_Integer:
            return self.integers(int(expression))
        if expression.is_Mul:
            return reduce(lambda one, other: self.add("Mul", [one, other]), [self.expression(factor) for factor in expression.args])
        for name, node in self.inputs.items():
            for axis, size in enumerate(node.meta["val"].shape):
                if not isinstance(size, int) and size.node.expr == expression:
                    return self.add("Shape", [name], start=axis, end=axis + 1)
        raise NotImplementedError(f"The size {expression} is none of an input.")

    def matrix(self, node: Node) -> tuple[str, int]:
        """What a matrix product reads, and whether transposed: chains of transposes cost nothing."""
        transposed = 0
        while swaps_last(node):
            node, transposed = node.args[0], 1 - transposed
        return self.value(node), transposed


def settled(sizes: Sequence[Size]) -> list[Size]:
    """Symbols that the trace found to have one value only are that value."""
    return [int(size) if isinstance(size, torch.SymInt) and size.node.expr.is_Integer else size for size in sizes]


def swaps_last(node: Node) -> bool:
    if node.target == aten.t.default:
        return True
    rank = node.meta["val"].dim()
    return node.target == aten.transpose.int and {axis % rank for axis in node.args[1:]} == {rank - 2, rank - 1}


def live(nodes: list[onnx.NodeProto], outputs: Sequence[str]) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes an output depends on, and all names they read."""
    used = set(outputs)
    kept = []
    for node in reversed(nodes):
        if used.intersection(node.output):
            used.update(node.input)
            kept.append(node)
    return kept[::-1], used


# Forms


def one(kind: str, domain: str = "", **attributes: Any) -> Form:
    """One tensor in, one out."""
    return lambda to, node, x, *_: to.add(kind, [to.value(x)], domain=domain, **attributes)


def two(kind: str) -> Form:
    """Two tensors or numbers, promoted as PyTorch does."""

    def form(to: Lowering, node: Node, *pair: Node | float) -> str:
        assert not node.kwargs, node
        common = torch.result_type(*(value.meta["val"] if isinstance(value, fx.Node) else value for value in pair))
        return to.add(kind, [to.operand(argument, common) for argument in pair])

    return form


def along(kind: str) -> Form:
    """A reduction; without axes over everything."""
    return lambda to, node, x, axes=(), keep=False: to.add(kind, [to.value(x), *([to.integers(*axes)] if axes else [])], keepdims=int(keep))


def same(to: Lowering, node: Node, x: Node) -> Lowered:
    return to.values[x]


def reshape(to: Lowering, node: Node, x: Node, *_: Any) -> str:
    return to.add("Reshape", [to.value(x), to.shape(node, most_free=1)])


def transpose(to: Lowering, node: Node, x: Node, first: int = 0, second: int = 1) -> str:
    if swaps_last(node) and swaps_last(x):
        return to.value(x.args[0])
    order = list(range(node.meta["val"].dim()))
    order[first], order[second] = order[second], order[first]
    return to.add("Transpose", [to.value(x)], perm=order)


def product(to: Lowering, node: Node, *factors: Node) -> str:
    (left, turn_left), (right, turn_right) = (to.matrix(factor) for factor in factors)
    return to.add("FusedMatMul", [left, right], domain=FUSED, transA=turn_left, transB=turn_right)


def affine(to: Lowering, node: Node, bias: Node, *factors: Node) -> str:
    (left, turn_left), (right, turn_right) = (to.matrix(factor) for factor in factors)
    return to.add("Gemm", [left, right, to.value(bias)], transA=turn_left, transB=turn_right)


def power(to: Lowering, node: Node, base: Node, exponent: float) -> Lowered:
    return to.add("Mul", [to.value(base)] * 2) if exponent == 2 else two("Pow")(to, node, base, exponent)


def clamp(to: Lowering, node: Node, x: Node, low: float | None = None, high: float | None = None) -> str:
    kind, bounds = node.meta["val"].dtype, (low, node.kwargs.get("max", high))
    return to.add("Clip", [to.value(x), *("" if bound is None else to.operand(bound, kind) for bound in bounds)])


def filled(number: float | None) -> Form:
    """A new tensor of one number, told here or as the first argument."""

    def form(to: Lowering, node: Node, *given: Any) -> str:
        value = node.meta["val"]
        content, kind = given[0] if number is None else number, helper.tensor_dtype_to_np_dtype(TYPES[value.dtype])
        if value.dim() == 0:
            return to.constant(content, kind)
        return to.add("ConstantOfShape", [to.shape(node)], value=numpy_helper.from_array(np.array([content], kind)))

    return form


def arange(to: Lowering, node: Node, *_: Any) -> str:
    zero, step = to.constant(0, np.int64), to.constant(1, np.int64)
    count = to.add("Squeeze", [to.size(node.meta["val"].shape[0])])
    return to.add("Cast", [to.add("Range", [zero, count, step])], to=TYPES[node.meta["val"].dtype])


def piece(to: Lowering, node: Node, x: Node, axis: int, start: int, end: int) -> str:
    if start == 0 and end == sys.maxsize:
        return to.value(x)
    return to.add("Slice", [to.value(x), *(to.integers(number) for number in (start, end, axis))])


def split(to: Lowering, node: Node, x: Node, sizes: Any, axis: int = 0) -> list[str]:
    parts = node.meta["val"]
    outputs = [f"v{len(to.nodes)}_{index}" for index in range(len(parts))]
    to.nodes.append(helper.make_node("Split", [to.value(x), to.integers(*(part.shape[axis] for part in parts))], outputs, axis=axis))
    return outputs


def stack(to: Lowering, node: Node, parts: Sequence[Node]) -> str:
    axis = to.integers(0)
    return to.add("Concat", [to.add("Unsqueeze", [to.value(part), axis]) for part in parts], axis=0)


def softmax_gradient(to: Lowering, node: Node, gradient: Node, shares: Node, axis: int, _kind: Any) -> str:
    weighted = to.add("Mul", [to.value(gradient), to.value(shares)])
    total = to.add("ReduceSum", [weighted, to.integers(axis)], keepdims=1)
    return to.add("Sub", [weighted, to.add("Mul", [to.value(shares), total])])


def add_rows(to: Lowering, base: Lowered, rows: Node, source: Node) -> str:
    """Rows may repeat, and one thread adds them in order: the same sum every time."""
    column = to.add("Unsqueeze", [to.value(rows), to.integers(1)])
    index = to.add("Expand", [column, to.shape(source)])
    return to.add("ScatterElements", [str(base), index, to.value(source)], axis=0, reduction="add")


def index_add(to: Lowering, node: Node, x: Node, axis: int, rows: Node, source: Node) -> str:
    assert axis == 0
    return add_rows(to, to.value(x), rows, source)


FORMS: dict[Any, Form] = {
    aten.add.Tensor: two("Add"), aten.sub.Tensor: two("Sub"), aten.mul.Tensor: two("Mul"), aten.div.Tensor: two("Div"),
    aten.rsub.Scalar: lambda to, node, x, number: to.add("Sub", [to.operand(number, node.meta["val"].dtype), to.value(x)]),
    aten.div.Tensor_mode: lambda to, node, *pair: to.add("Div", [to.operand(argument, node.meta["val"].dtype) for argument in pair]),
    aten.gt.Tensor: two("Greater"), aten.gt.Scalar: two("Greater"), aten.lt.Tensor: two("Less"), aten.lt.Scalar: two("Less"),
    aten.ge.Scalar: two("GreaterOrEqual"), aten.le.Scalar: two("LessOrEqual"), aten.le.Tensor: two("LessOrEqual"), aten.eq.Scalar: two("Equal"),
    aten.bitwise_and.Tensor: two("And"), aten.logical_and_.default: two("And"), aten.pow.Tensor_Scalar: power, aten.pow.Tensor_Tensor: two("Pow"),
    aten.neg.default: one("Neg"), aten.exp.default: one("Exp"), aten.cos.default: one("Cos"), aten.sin.default: one("Sin"), aten.abs.default: one("Abs"),
    aten.sqrt.default: one("Sqrt"), aten.sigmoid.default: one("Sigmoid"), aten.isnan.default: one("IsNaN"),
    aten.rsqrt.default: lambda to, node, x: to.add("Reciprocal", [to.add("Sqrt", [to.value(x)])]),
    aten.silu.default: one("QuickGelu", FUSED, alpha=1.0), aten.clamp.default: clamp,
    aten.where.self: lambda to, node, which, *pair: to.add("Where", [to.value(which), *(to.operand(argument, node.meta["val"].dtype) for argument in pair)]),
    aten.sum.default: along("ReduceSum"), aten.sum.dim_IntList: along("ReduceSum"), aten.mean.dim: along("ReduceMean"),
    aten._softmax.default: one("Softmax", axis=-1), aten._log_softmax.default: one("LogSoftmax", axis=-1), aten._softmax_backward_data.default: softmax_gradient,
    aten.mm.default: product, aten.bmm.default: product, aten.addmm.default: affine, aten.t.default: transpose, aten.transpose.int: transpose,
    aten.view.default: reshape, aten._unsafe_view.default: reshape, aten.squeeze.dim: reshape,
    aten.unsqueeze.default: lambda to, node, x, axis: to.add("Unsqueeze", [to.value(x), to.integers(axis)]),
    aten.expand.default: lambda to, node, x, _: to.add("Expand", [to.value(x), to.shape(node)]),
    aten.detach.default: same, aten.clone.default: same, aten._to_copy.default: lambda to, node, x: to.operand(x, node.meta["val"].dtype),
    aten.slice.Tensor: piece, aten.split.Tensor: split, aten.split_with_sizes.default: split, operator.getitem: lambda to, node, x, index: to.values[x][index],
    aten.cat.default: lambda to, node, parts, axis=0: to.add("Concat", [to.value(part) for part in parts], axis=axis), aten.stack.default: stack,
    aten.zeros.default: filled(0), aten.new_zeros.default: filled(0), aten.ones_like.default: filled(1), aten.scalar_tensor.default: filled(None), aten.arange.default: arange,
    aten.embedding.default: lambda to, node, table, rows: to.add("Gather", [to.value(table), to.value(rows)], axis=0),
    aten.index_select.default: lambda to, node, table, _, rows: to.add("Gather", [to.value(table), to.value(rows)], axis=0),
    aten.gather.default: lambda to, node, x, axis, index: to.add("GatherElements", [to.value(x), to.value(index)], axis=axis),
    aten.scatter_add.default: lambda to, node, x, axis, *given: to.add("ScatterElements", [to.value(one) for one in (x, *given)], axis=axis, reduction="add"),
    aten.index_add.default: index_add,
    aten.embedding_dense_backward.default: lambda to, node, source, rows, *_: add_rows(to, filled(0)(to, node), rows, source),
}  # fmt: skip
