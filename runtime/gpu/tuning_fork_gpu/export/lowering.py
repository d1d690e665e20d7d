"""Writes a function of PyTorch tensors as an ONNX graph, gradients and all.

The function is traced with symbolic sizes into some forty ATen operators; each has its ONNX form in the table below, where it helps one
of ONNX Runtime's fused ones. Transposes before a matrix product are folded into it. Whatever isn't in the table is refused by name.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import sympy
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

FUSED = "com.microsoft"
TYPES = {
    torch.float32: TensorProto.FLOAT, torch.float64: TensorProto.DOUBLE, torch.int32: TensorProto.INT32, torch.int64: TensorProto.INT64, torch.bool: TensorProto.BOOL,
}  # fmt: skip
aten = torch.ops.aten

Size = int | torch.SymInt
Lowered = str | list[str]


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
        self.values: dict[fx.Node, Lowered] = {}
        self.sizes: dict[sympy.Expr, str] = {}
        placeholders = [node for node in traced.graph.nodes if node.op == "placeholder"]
        self.inputs = dict(zip(inputs, placeholders, strict=True))

    def model(self, outputs: Sequence[str]) -> onnx.ModelProto:
        for name, node in self.inputs.items():
            self.values[node] = name
        for node in self.traced.graph.nodes:
            if node.op == "get_attr":
                self.values[node] = self.constant(getattr(self.traced, node.target).numpy())
            elif node.op == "call_function" and isinstance(node.meta.get("val"), Tensor | list | tuple):
                self.values[node] = self.lower(node)
        (returned,) = next(node for node in self.traced.graph.nodes if node.op == "output").args
        for name, node in zip(outputs, returned, strict=True):
            self.add("Identity", [self.value(node)], name)
        kept, used = live(self.nodes, outputs)
        graph = helper.make_graph(
            kept,
            "tuning_fork",
            [self.declare(name, node) for name, node in self.inputs.items()],
            [self.declare(name, node) for name, node in zip(outputs, returned, strict=True)],
            [constant for constant in self.constants.values() if constant.name in used],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(FUSED, 1)], ir_version=10, producer_name="tuning-fork")

    def declare(self, name: str, node: fx.Node) -> onnx.ValueInfoProto:
        value = node.meta["val"]
        return helper.make_tensor_value_info(name, TYPES[value.dtype], [size if isinstance(size, int) else str(size) for size in settled(value.shape)])

    def lower(self, node: fx.Node) -> Lowered:
        form = FORMS.get(node.target)
        if form is None:
            raise NotImplementedError(f"{node.target} has no ONNX form here; add one to {__file__}.")
        return form(self, node)

    def add(self, kind: str, inputs: Sequence[str], output: str = "", domain: str = "", **attributes: Any) -> str:
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def value(self, node: fx.Node) -> str:
        value = self.values[node]
        assert isinstance(value, str)
        return value

    def constant(self, value: Any, kind: Any = None) -> str:
        array = np.asarray(value, kind)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"c{len(self.constants)}")
        return self.constants[key].name

    def operand(self, argument: fx.Node | float, kind: torch.dtype) -> str:
        """A tensor, a number or a size, as the type PyTorch would promote it to."""
        if not isinstance(argument, fx.Node):
            return self.constant(argument, helper.tensor_dtype_to_np_dtype(TYPES[kind]))
        value = argument.meta["val"]
        if not isinstance(value, Tensor):
            return self.add("Cast", [self.add("Squeeze", [self.size(value)])], to=TYPES[kind])
        return self.value(argument) if value.dtype == kind else self.add("Cast", [self.value(argument)], to=TYPES[kind])

    def shape(self, sizes: Sequence[Size]) -> str:
        """One free size is left to the runtime; more are computed from the sizes of the inputs."""
        sizes = settled(sizes)
        if sum(not isinstance(size, int) for size in sizes) <= 1:
            return self.constant([size if isinstance(size, int) else -1 for size in sizes], np.int64)
        return self.full_shape(sizes)

    def full_shape(self, sizes: Sequence[Size]) -> str:
        """All computed, for operators that don't know -1."""
        sizes = settled(sizes)
        if all(isinstance(size, int) for size in sizes):
            return self.constant(list(sizes), np.int64)
        return self.add("Concat", [self.size(size) for size in sizes], axis=0)

    def size(self, size: Size) -> str:
        if isinstance(size, int):
            return self.constant([size], np.int64)
        return self.expression(size.node.expr)

    def expression(self, expression: sympy.Expr) -> str:
        if expression not in self.sizes:
            self.sizes[expression] = self.compute(expression)
        return self.sizes[expression]

    def compute(self, expression: sympy.Expr) -> str:
        if expression.is_Integer:
            return self.constant([int(expression)], np.int64)
        if expression.is_Mul:
            first, *others = [self.expression(factor) for factor in expression.args]
            for other in others:
                first = self.add("Mul", [first, other])
            return first
        for name, node in self.inputs.items():
            for axis, size in enumerate(node.meta["val"].shape):
                if not isinstance(size, int) and size.node.expr == expression:
                    return self.add("Shape", [name], start=axis, end=axis + 1)
        raise NotImplementedError(f"The size {expression} is none of an input.")

    def matrix(self, node: fx.Node) -> tuple[str, int]:
        """What a matrix product reads, and whether transposed: chains of transposes cost nothing."""
        transposed = 0
        while swaps_last(node):
            node, transposed = node.args[0], 1 - transposed
        return self.value(node), transposed


def settled(sizes: Sequence[Size]) -> list[Size]:
    """Symbols that the trace found to have one value only are that value."""
    return [int(size) if isinstance(size, torch.SymInt) and size.node.expr.is_Integer else size for size in sizes]


def swaps_last(node: fx.Node) -> bool:
    if node.target == aten.t.default:
        return True
    if node.target != aten.transpose.int:
        return False
    rank = node.meta["val"].dim()
    return {axis % rank for axis in node.args[1:]} == {rank - 2, rank - 1}


def live(nodes: list[onnx.NodeProto], outputs: Sequence[str]) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes an output depends on, and all names they read."""
    used = set(outputs)
    kept = []
    for node in reversed(nodes):
        if used.intersection(node.output):
            used.update(node.input)
            kept.append(node)
    return kept[::-1], used


Form = Callable[[Lowering, fx.Node], Lowered]


def one(kind: str, domain: str = "", **attributes: Any) -> Form:
    """One tensor in, one out."""
    return lambda to, node: to.add(kind, [to.value(node.args[0])], domain=domain, **attributes)


def two(kind: str) -> Form:
    """Two tensors or numbers, promoted as PyTorch does."""

    def form(to: Lowering, node: fx.Node) -> str:
        assert not node.kwargs, node
        common = torch.result_type(*(value.meta["val"] if isinstance(value, fx.Node) else value for value in node.args))
        return to.add(kind, [to.operand(argument, common) for argument in node.args])

    return form


def along(kind: str) -> Form:
    """A reduction; without axes over everything."""

    def form(to: Lowering, node: fx.Node) -> str:
        axes = [to.constant(node.args[1], np.int64)] if len(node.args) > 1 else []
        return to.add(kind, [to.value(node.args[0]), *axes], keepdims=int(node.args[2]) if len(node.args) > 2 else 0)

    return form


def same(to: Lowering, node: fx.Node) -> Lowered:
    return to.values[node.args[0]]


def reshape(to: Lowering, node: fx.Node) -> str:
    return to.add("Reshape", [to.value(node.args[0]), to.shape(node.meta["val"].shape)])


def unsqueeze(to: Lowering, node: fx.Node) -> str:
    return to.add("Unsqueeze", [to.value(node.args[0]), to.constant([node.args[1]], np.int64)])


def expand(to: Lowering, node: fx.Node) -> str:
    return to.add("Expand", [to.value(node.args[0]), to.full_shape(node.meta["val"].shape)])


def transpose(to: Lowering, node: fx.Node) -> str:
    if swaps_last(node) and swaps_last(node.args[0]):
        return to.value(node.args[0].args[0])
    order = list(range(node.meta["val"].dim()))
    first, second = node.args[1:] if len(node.args) > 1 else (0, 1)
    order[first], order[second] = order[second], order[first]
    return to.add("Transpose", [to.value(node.args[0])], perm=order)


def product(to: Lowering, node: fx.Node) -> str:
    (left, turn_left), (right, turn_right) = (to.matrix(argument) for argument in node.args)
    return to.add("FusedMatMul", [left, right], domain=FUSED, transA=turn_left, transB=turn_right)


def affine(to: Lowering, node: fx.Node) -> str:
    (left, turn_left), (right, turn_right) = (to.matrix(argument) for argument in node.args[1:])
    return to.add("Gemm", [left, right, to.value(node.args[0])], transA=turn_left, transB=turn_right)


def cast(to: Lowering, node: fx.Node) -> str:
    return to.operand(node.args[0], node.meta["val"].dtype)


def power(to: Lowering, node: fx.Node) -> str:
    base, exponent = node.args
    if exponent == 2:
        return to.add("Mul", [to.value(base), to.value(base)])
    return two("Pow")(to, node)


def rsqrt(to: Lowering, node: fx.Node) -> str:
    return to.add("Reciprocal", [to.add("Sqrt", [to.value(node.args[0])])])


def rsub(to: Lowering, node: fx.Node) -> str:
    tensor, number = node.args
    return to.add("Sub", [to.operand(number, node.meta["val"].dtype), to.value(tensor)])


def clamp(to: Lowering, node: fx.Node) -> str:
    low, high = (*node.args[1:], node.kwargs.get("max"))[:2]
    kind = node.meta["val"].dtype
    return to.add("Clip", [to.value(node.args[0]), *("" if bound is None else to.operand(bound, kind) for bound in (low, high))])


def where(to: Lowering, node: fx.Node) -> str:
    kind = node.meta["val"].dtype
    return to.add("Where", [to.value(node.args[0]), *(to.operand(argument, kind) for argument in node.args[1:])])


def filled(number: float | None) -> Form:
    """A new tensor of one number, told here or as the argument after its shape."""

    def form(to: Lowering, node: fx.Node) -> str:
        value = node.meta["val"]
        content = node.args[0] if number is None else number
        kind = helper.tensor_dtype_to_np_dtype(TYPES[value.dtype])
        if value.dim() == 0:
            return to.constant(content, kind)
        return to.add("ConstantOfShape", [to.full_shape(value.shape)], value=numpy_helper.from_array(np.array([content], kind)))

    return form


def arange(to: Lowering, node: fx.Node) -> str:
    zero, step = to.constant(0, np.int64), to.constant(1, np.int64)
    count = to.add("Squeeze", [to.size(node.meta["val"].shape[0])])
    return to.add("Cast", [to.add("Range", [zero, count, step])], to=TYPES[node.meta["val"].dtype])


def piece(to: Lowering, node: fx.Node) -> str:
    tensor, axis, start, end = node.args
    if start == 0 and end == sys.maxsize:
        return to.value(tensor)
    return to.add("Slice", [to.value(tensor), *(to.constant([number], np.int64) for number in (start, end, axis))])


def split(to: Lowering, node: fx.Node) -> list[str]:
    axis = node.args[2] if len(node.args) > 2 else 0
    outputs = [f"v{len(to.nodes)}_{index}" for index in range(len(node.meta["val"]))]
    sizes = to.constant([part.shape[axis] for part in node.meta["val"]], np.int64)
    to.nodes.append(helper.make_node("Split", [to.value(node.args[0]), sizes], outputs, axis=axis))
    return outputs


def item(to: Lowering, node: fx.Node) -> str:
    return to.values[node.args[0]][node.args[1]]


def concat(to: Lowering, node: fx.Node) -> str:
    return to.add("Concat", [to.value(part) for part in node.args[0]], axis=node.args[1] if len(node.args) > 1 else 0)


def stack(to: Lowering, node: fx.Node) -> str:
    axis = to.constant([0], np.int64)
    return to.add("Concat", [to.add("Unsqueeze", [to.value(part), axis]) for part in node.args[0]], axis=0)


def softmax_gradient(to: Lowering, node: fx.Node) -> str:
    grad, shares, axis = (*(to.value(argument) for argument in node.args[:2]), node.args[2])
    weighted = to.add("Mul", [grad, shares])
    total = to.add("ReduceSum", [weighted, to.constant([axis], np.int64)], keepdims=1)
    return to.add("Sub", [weighted, to.add("Mul", [shares, total])])


def pick_rows(to: Lowering, node: fx.Node) -> str:
    table, rows = node.args[0], node.args[-1]
    return to.add("Gather", [to.value(table), to.value(rows)], axis=0)


def pick_each(to: Lowering, node: fx.Node) -> str:
    return to.add("GatherElements", [to.value(node.args[0]), to.value(node.args[2])], axis=node.args[1])


def add_each(to: Lowering, node: fx.Node) -> str:
    tensor, axis, index, source = node.args
    return to.add("ScatterElements", [to.value(tensor), to.value(index), to.value(source)], axis=axis, reduction="add")


def add_rows(to: Lowering, base: str, rows: fx.Node, source: fx.Node) -> str:
    """Rows may repeat, and one thread adds them in order: the same sum every time."""
    column = to.add("Unsqueeze", [to.value(rows), to.constant([1], np.int64)])
    index = to.add("Expand", [column, to.full_shape(source.meta["val"].shape)])
    return to.add("ScatterElements", [base, index, to.value(source)], axis=0, reduction="add")


def index_add(to: Lowering, node: fx.Node) -> str:
    tensor, axis, rows, source = node.args
    assert axis == 0
    return add_rows(to, to.value(tensor), rows, source)


def embedding_gradient(to: Lowering, node: fx.Node) -> str:
    return add_rows(to, filled(0)(to, node), node.args[1], node.args[0])


FORMS: dict[Any, Form] = {
    aten.add.Tensor: two("Add"), aten.sub.Tensor: two("Sub"), aten.mul.Tensor: two("Mul"), aten.div.Tensor: two("Div"), aten.rsub.Scalar: rsub,
    aten.div.Tensor_mode: lambda to, node: to.add("Div", [to.operand(argument, node.meta["val"].dtype) for argument in node.args[:2]]),
    aten.gt.Tensor: two("Greater"), aten.gt.Scalar: two("Greater"), aten.lt.Tensor: two("Less"), aten.lt.Scalar: two("Less"),
    aten.ge.Scalar: two("GreaterOrEqual"), aten.le.Scalar: two("LessOrEqual"), aten.le.Tensor: two("LessOrEqual"), aten.eq.Scalar: two("Equal"),
    aten.bitwise_and.Tensor: two("And"), aten.logical_and_.default: two("And"), aten.pow.Tensor_Scalar: power, aten.pow.Tensor_Tensor: two("Pow"),
    aten.neg.default: one("Neg"), aten.exp.default: one("Exp"), aten.cos.default: one("Cos"), aten.sin.default: one("Sin"), aten.abs.default: one("Abs"),
    aten.sqrt.default: one("Sqrt"), aten.rsqrt.default: rsqrt, aten.sigmoid.default: one("Sigmoid"), aten.isnan.default: one("IsNaN"),
    aten.silu.default: one("QuickGelu", FUSED, alpha=1.0), aten.clamp.default: clamp, aten.where.self: where,
    aten.sum.default: along("ReduceSum"), aten.sum.dim_IntList: along("ReduceSum"), aten.mean.dim: along("ReduceMean"),
    aten._softmax.default: one("Softmax", axis=-1), aten._log_softmax.default: one("LogSoftmax", axis=-1), aten._softmax_backward_data.default: softmax_gradient,
    aten.mm.default: product, aten.bmm.default: product, aten.addmm.default: affine, aten.t.default: transpose, aten.transpose.int: transpose,
    aten.view.default: reshape, aten._unsafe_view.default: reshape, aten.unsqueeze.default: unsqueeze, aten.squeeze.dim: reshape, aten.expand.default: expand,
    aten.detach.default: same, aten.clone.default: same, aten._to_copy.default: cast,
    aten.slice.Tensor: piece, aten.split.Tensor: split, aten.split_with_sizes.default: split, operator.getitem: item,
    aten.cat.default: concat, aten.stack.default: stack,
    aten.zeros.default: filled(0), aten.new_zeros.default: filled(0), aten.ones_like.default: filled(1), aten.scalar_tensor.default: filled(None), aten.arange.default: arange,
    aten.embedding.default: pick_rows, aten.index_select.default: pick_rows, aten.gather.default: pick_each,
    aten.scatter_add.default: add_each, aten.index_add.default: index_add, aten.embedding_dense_backward.default: embedding_gradient,
}  # fmt: skip
