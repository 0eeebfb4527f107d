//! The ONNX files in `models/`: parts of M4, other forms of some of them, and the contrast set.

use crate::{Named, artifact, npz, root};
use m4c_compiler::compile::{Observer, Silent, graph_after};
use m4c_compiler::diagnostic::Diagnostics;
use m4c_compiler::onnx::ModelFile;
use m4c_compiler::onnx::message::GraphProto;
use m4c_compiler::phase::Phase;
use m4c_compiler::project::Project;
use m4c_ir::{Graph, NodeKind};
use m4c_target_cpu::CpuTarget;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// An exported model with its inputs and expected outputs.
pub struct Fixture {
    /// Folder and file without ending: `img_enc/ts-op17`.
    pub name: String,
    /// The ONNX file.
    pub path: PathBuf,
}

/// Bounds of sizes that only the data decides.
const DATA_SIZES: &[(&str, &str)] = &[("tts_fastspeech2/", "u0=..512")];

/// What a model runs, as counted in PyTorch.
#[derive(Debug, Deserialize)]
pub struct Modules {
    /// Attention blocks.
    pub attention: usize,
    /// Normalizations by kind.
    pub norms: BTreeMap<String, usize>,
    /// Activation functions by name.
    pub activations: BTreeMap<String, usize>,
}

impl Fixture {
    /// The fixture of that name.
    ///
    /// # Panics
    /// Where there is none.
    pub fn named(name: &str) -> Fixture {
        let path = root().join("models").join(name).with_extension("onnx");
        assert!(path.is_file(), "{} is missing", path.display());
        Fixture { name: name.into(), path }
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The exporter, the opset, and the form where it is not what the exporter wrote.
    fn form(&self) -> Option<&str> {
        self.path.file_stem()?.to_str()?.splitn(3, '-').nth(2)
    }

    /// Whether the file holds half-precision numbers.
    pub fn is_half(&self) -> bool {
        self.form() == Some("f16")
    }

    /// The inputs that the expected outputs are for.
    pub fn inputs(&self) -> Named {
        let halved = |tensor: &m4c_ops::Tensor| match tensor.dtype() {
            m4c_ops::DType::F32 if self.is_half() => tensor.cast(m4c_ops::DType::F16).expect("numbers"),
            _ => tensor.clone(),
        };
        let read = npz::read(&self.folder().join("inputs.npz"));
        read.into_iter().map(|(name, tensor)| (name, Arc::new(halved(&tensor)))).collect()
    }

    /// What PyTorch gave for them.
    pub fn expected(&self) -> Named {
        npz::read(&self.folder().join("expected.npz"))
    }

    /// What PyTorch counted.
    pub fn modules(&self) -> Modules {
        let path = self.folder().join("expected.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The file's nodes and weights.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub fn onnx(&self) -> GraphProto {
        let file = ModelFile::open(&self.path).unwrap_or_else(|error| panic!("{}: {error:?}", self.path.display()));
        file.graph_proto().clone()
    }

    /// The artifact's results for the example inputs.
    ///
    /// # Panics
    /// Where the model does not compile or run.
    pub fn results(&self) -> Named {
        self.results_for(&self.inputs())
    }

    /// The artifact's results for these inputs.
    ///
    /// # Panics
    /// Where the model does not compile or run.
    pub fn results_for(&self, inputs: &Named) -> Named {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("model.m4fw");
        artifact::compiled(&self.project(), &file);
        artifact::run(&file, "main", inputs)
    }

    /// A project of this model alone.
    pub fn project(&self) -> Project {
        let bounds = DATA_SIZES.iter().filter(|(part, _)| self.name.starts_with(part));
        let bounds = bounds.map(|(_, bound)| bound.parse().expect("a bound"));
        Project::of_model(&self.path, "main", bounds.collect())
    }

    /// The graph that a phase leaves.
    ///
    /// # Errors
    /// Where the model does not get that far.
    pub fn after(&self, phase: Phase) -> Result<Graph, Diagnostics> {
        self.watched(phase, &mut Silent)
    }

    /// [`after`](Self::after), with an observer of the phases.
    ///
    /// # Errors
    /// Where the model does not get that far.
    pub fn watched(&self, phase: Phase, observer: &mut dyn Observer) -> Result<Graph, Diagnostics> {
        let target = CpuTarget::new().expect("the target's tables");
        graph_after(&self.project(), "main", &target, phase, observer)
    }
}

/// How many of each operator a graph has.
pub fn operator_counts(graph: &Graph) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for value in graph.order() {
        if let NodeKind::Apply { op, .. } = &graph.node(value).kind {
            *counts.entry(op.name).or_default() += 1;
        }
    }
    counts
}

/// Parts of M4 as PyTorch's exporters write them.
pub fn parts() -> Vec<Fixture> {
    in_folder(&root().join("models"), "").into_iter().filter(|fixture| fixture.form().is_none()).collect()
}

/// Parts of M4 in half precision, quantized, or optimized by another tool.
pub fn variants() -> Vec<Fixture> {
    in_folder(&root().join("models"), "").into_iter().filter(|fixture| fixture.form().is_some()).collect()
}

/// Models of other kinds.
pub fn contrast() -> Vec<Fixture> {
    in_folder(&root().join("models/contrast"), "contrast/")
}

fn in_folder(folder: &Path, prefix: &str) -> Vec<Fixture> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.expect("an entry").file_name().into_string().ok()).collect();
        names.sort();
        names
    };
    let mut found = Vec::new();
    for model in names(folder).into_iter().filter(|name| folder.join(name).join("inputs.npz").is_file()) {
        for file in names(&folder.join(&model)) {
            // MiniLM is named otherwise: its weights are not in the repository.
            if let Some(stem) = file.strip_suffix(".onnx").filter(|stem| stem.contains("-op")) {
                let name = format!("{prefix}{model}/{stem}");
                found.push(Fixture { name, path: folder.join(&model).join(&file) });
            }
        }
    }
    found
}

/// Does something with every fixture on two threads; what it says is wrong fails the test, all of it at once.
///
/// # Panics
/// Where anything is wrong.
pub fn check_all(fixtures: &[Fixture], check: impl Fn(&Fixture) -> Result<(), String> + Sync) {
    assert!(!fixtures.is_empty(), "no fixture was found");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(fixture) = fixtures.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(message) = check(fixture) {
                        wrong.lock().expect("no panic").push(format!("{}: {message}", fixture.name));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("no panic");
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {} fixtures:\n{}", wrong.len(), fixtures.len(), wrong.join("\n"));
}
