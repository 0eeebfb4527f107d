//! Forms and the targets that compute them are chosen together.

use crate::rewrite::{Extraction, Placement, Rewriting, RuleNumerics};
use m4c_ir::{Graph, GraphBuilder, NodeKind};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Attrs, DType, Data, Fact, Tensor, primitive};
use m4c_target::{Lowered, NodeView, Profile, Target, Verdict, Weight};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A target of which only the tables are known; without a list of operators it takes all.
struct OnPaper {
    profile: Profile,
    takes_all: bool,
}

impl Target for OnPaper {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn supports(&self, node: &NodeView<'_>) -> Verdict {
        if self.takes_all { Verdict::Yes } else { self.profile.verdict(node) }
    }

    fn lower(&self, _: &NodeView<'_>) -> Result<Lowered, String> {
        Err("nothing is run".into())
    }

    fn copy(&self, _: DType) -> Result<String, String> {
        Err("nothing is run".into())
    }

    fn pack(&self, _: &str, _: Weight<'_>, _: &mut dyn Write) -> io::Result<()> {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

fn target(cost: &str, ops: &[&str]) -> OnPaper {
    let head = format!(
        "id = \"paper\"\ntitle = \"On paper\"\nkind = \"kernels\"\nalignment = 64\nmax_rank = 8\ncost = {{ {cost}, step_seconds = 1e-6 }}\n"
    );
    let row = |name: &&str| format!("[[op]]\nname = \"{name}\"\nsupport = \"native\"\n");
    let evidence = "evidence = { kind = \"vendor-doc\", text = \"made up\" }\n";
    let rows: String = if ops.is_empty() { row(&"add") } else { ops.iter().map(row).collect() };
    let profile = Profile::parse(&head, &format!("{evidence}{rows}")).unwrap_or_else(|error| panic!("{error}"));
    OnPaper { profile, takes_all: ops.is_empty() }
}

/// A slow host that takes everything, and a fast accelerator behind a bus.
fn placed(graph: &Graph, ops: &[&str]) -> Placement {
    let host = target("flops_per_second = 1e10, bytes_per_second = 1e10", &[]);
    let bus = "transfer = { bytes_per_second = 1e9, seconds = 5e-5 }";
    let fast = target(&format!("flops_per_second = 1e13, bytes_per_second = 1e11, {bus}"), ops);
    let all = Rewriting::of(graph, RuleNumerics::Reassociate).expect("rewritten");
    all.place(&[&host, &fast], Extraction::Greedy).unwrap_or_else(|errors| panic!("{}", errors.to_text()))
}

/// The targets of the operators of a placement, by name.
fn targets(placement: &Placement) -> BTreeMap<&'static str, Vec<Vec<usize>>> {
    let mut all: BTreeMap<&'static str, Vec<Vec<usize>>> = BTreeMap::new();
    for value in placement.graph.order() {
        if let NodeKind::Apply { op, .. } = &placement.graph.node(value).kind {
            all.entry(op.name).or_default().push(placement.targets[&value].clone());
        }
    }
    all
}

struct Layers(GraphBuilder, usize);

impl Layers {
    fn new(rows: usize, width: usize) -> (Layers, Value) {
        let mut builder = GraphBuilder::new(Graph::new("main"));
        let x = builder.input("x", Fact::new(DType::F32, [rows, width]));
        (Layers(builder, width), x)
    }

    /// A product with weights, all of which are different.
    fn linear(&mut self, x: Value) -> Value {
        let width = self.1;
        let weights = (0..width * width).map(|place| place as f64 / 7.0);
        let weights = Tensor::new(vec![width, width], Data::from_f64(DType::F32, weights)).expect("as many");
        let weights = self.0.constant(weights);
        self.op(&primitive::matmul::OP, &[x, weights])
    }

    fn op(&mut self, op: &'static m4c_ops::Op, operands: &[Value]) -> Value {
        let operands: Vec<Option<Value>> = operands.iter().copied().map(Some).collect();
        self.0.apply(op, &operands, Attrs::none()).expect("well formed")
    }

    /// GELU as exporters write it.
    fn gelu(&mut self, x: Value) -> Value {
        let [half, one, root] =
            [0.5, 1.0, 2f64.sqrt()].map(|number| self.0.constant(Tensor::scalar(DType::F32, number)));
        let scaled = self.op(&primitive::div::OP, &[x, root]);
        let bent = self.op(&primitive::erf::OP, &[scaled]);
        let gate = self.op(&primitive::add::OP, &[bent, one]);
        let product = self.op(&primitive::mul::OP, &[x, gate]);
        self.op(&primitive::mul::OP, &[product, half])
    }

    fn end(mut self, y: Value) -> Graph {
        self.0.output("y", y);
        self.0.finish()
    }
}

#[test]
fn a_form_that_the_accelerator_takes_is_chosen_and_placed_there() {
    let (mut layers, x) = Layers::new(64, 256);
    let a = layers.linear(x);
    let b = layers.gelu(a);
    let c = layers.linear(b);
    let graph = layers.end(c);
    // It knows the function by its name, not its parts.
    let made = placed(&graph, &["matmul", "gelu"]);
    assert_eq!(targets(&made), BTreeMap::from([("gelu", vec![vec![1]]), ("matmul", vec![vec![1]; 2])]));
    let made = placed(&graph, &["matmul", "erf", "add", "mul", "div"]);
    assert!(targets(&made).values().flatten().all(|place| *place == [1]), "{made:?}");
}

#[test]
fn what_it_does_not_take_is_on_the_host() {
    let (mut layers, x) = Layers::new(64, 256);
    let a = layers.linear(x);
    let b = layers.op(&primitive::sin::OP, &[a]);
    let c = layers.linear(b);
    let made = placed(&layers.end(c), &["matmul"]);
    assert_eq!(targets(&made), BTreeMap::from([("matmul", vec![vec![1]; 2]), ("sin", vec![vec![0]])]));
}

#[test]
fn what_is_small_does_not_pay_for_the_way() {
    let (mut layers, x) = Layers::new(2, 4);
    let a = layers.linear(x);
    let made = placed(&layers.end(a), &["matmul"]);
    assert_eq!(targets(&made), BTreeMap::from([("matmul", vec![vec![0]])]));
    // The way there pays for several, though for none of them alone.
    let alone = |count: usize| {
        let (mut layers, mut x) = Layers::new(16, 48);
        for place in 0..count {
            let next = layers.linear(x);
            x = layers.op(if place % 2 == 0 { &primitive::tanh::OP } else { &primitive::exp::OP }, &[next]);
        }
        targets(&placed(&layers.end(x), &["matmul", "tanh", "exp"]))
    };
    assert!(alone(1).values().flatten().all(|place| *place == [0]));
    assert!(alone(40).values().flatten().all(|place| *place == [1]), "{:?}", alone(40));
}

#[test]
fn blocks_that_repeat_stay_on_the_accelerator() {
    let (mut layers, mut x) = Layers::new(64, 96);
    for _ in 0..6 {
        let a = layers.linear(x);
        let b = layers.gelu(a);
        let c = layers.linear(b);
        x = layers.op(&primitive::add::OP, &[x, c]);
    }
    let graph = layers.end(x);
    let made = placed(&graph, &["matmul", "gelu", "add"]);
    assert!(targets(&made).values().flatten().all(|place| *place == [1]), "{:?}", targets(&made));
    let one_way = 5e-5 + 64.0 * 96.0 * 4.0 / 1e9;
    assert!(made.cost > 2.0 * one_way && made.cost < 3.0 * one_way, "{}", made.cost);
}
