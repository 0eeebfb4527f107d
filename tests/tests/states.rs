//! States against feeding them by hand: LLaMA and Whisper as programs of one artifact, by both exporters.

use m4c_compiler::project::Project;
use m4c_format::Place;
use m4c_ops::{Data, Tensor};
use m4c_runtime::{Arena, Artifact, MappedFile, StateBounds, States};
use m4c_tests::artifact::{self, Aligned};
use m4c_tests::onnxruntime::{self, Job};
use m4c_tests::states::Stateful;
use m4c_tests::{Named, assert_close, npz, root};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TOLERANCE: f64 = 1e-4;
const STEPS: usize = 64;

/// The models of a manifest: which folder each program comes from, and by which exporter.
struct Family {
    manifest: &'static str,
    /// Names in the manifest and what stands in their place.
    folders: &'static [(&'static str, &'static str)],
    exporter: &'static str,
}

const fn llama(folders: &'static [(&'static str, &'static str)], exporter: &'static str) -> Family {
    Family { manifest: "llama", folders, exporter }
}

const LLAMA: &[(&str, &str)] = &[];
const GQA: &[(&str, &str)] = &[("llama_prefill", "llama2_gqa_prefill"), ("llama_decode", "llama2_gqa_decode")];
const GQA_SDPA: &[(&str, &str)] =
    &[("llama_prefill", "llama2_gqa_prefill_sdpa"), ("llama_decode", "llama2_gqa_decode_sdpa")];

const LLAMAS: &[Family] = &[
    llama(LLAMA, "ts-op17"),
    llama(LLAMA, "dyn-op20"),
    llama(GQA, "ts-op17"),
    llama(GQA, "dyn-op20"),
    llama(GQA_SDPA, "ts-op17"),
    llama(GQA_SDPA, "dyn-op20"),
];

impl Family {
    fn project(&self) -> Project {
        let path = root().join("models").join(self.manifest).join("m4.toml");
        let mut text = std::fs::read_to_string(&path).unwrap().replace("dyn-op20", self.exporter);
        for (from, to) in self.folders {
            text = text.replace(from, to);
        }
        Project::parse(&text, &path, &[]).unwrap_or_else(|errors| panic!("{}", errors.to_text()))
    }

    fn model(&self, program: &str) -> PathBuf {
        self.project().programs.iter().find(|source| source.name == program).unwrap().model.clone()
    }

    /// Inputs and expected outputs of a program.
    fn fixture(&self, program: &str) -> (Named, Named) {
        let folder = self.model(program).parent().unwrap().to_path_buf();
        (npz::read(&folder.join("inputs.npz")), npz::read(&folder.join("expected.npz")))
    }

    /// The artifact with states, and one of each program alone.
    fn compiled(&self, folder: &Path) -> PathBuf {
        let file = folder.join("together.m4fw");
        artifact::compiled(&self.project(), &file);
        for source in self.project().programs {
            let alone = Project::of_model(&source.model, "main", Vec::new());
            artifact::compiled(&alone, &folder.join(format!("{}.m4fw", source.name)));
        }
        file
    }

    fn what(&self) -> String {
        format!("{} {:?} by {}", self.manifest, self.folders, self.exporter)
    }
}

fn ids(shape: &[usize], step: usize) -> Arc<Tensor> {
    let number = |i: usize| ((i * 31 + step * 17 + 5) % 97) as i64;
    integers(shape, (0..shape.iter().product()).map(number))
}

fn integers(shape: &[usize], values: impl Iterator<Item = i64>) -> Arc<Tensor> {
    Arc::new(Tensor::new(shape.to_vec(), Data::I64(values.collect())).unwrap())
}

fn named(tensors: Vec<(&str, Arc<Tensor>)>) -> Named {
    tensors.into_iter().map(|(name, tensor)| (name.to_string(), tensor)).collect()
}

/// `present.*` of one run as `past.*` of the next, in the order of the ports.
fn handed_on(program: &m4c_runtime::Program<'_>, presents: &Named, prefix: &str) -> Named {
    let reads = program.states().iter().filter_map(|used| used.read.as_ref());
    let reads = reads.filter(|port| port.name.starts_with(prefix));
    reads.map(|port| port.name.clone()).zip(presents.values().cloned()).collect()
}

fn only(named: &Named, prefix: &str) -> Named {
    named.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(n, t)| (n.clone(), t.clone())).collect()
}

#[test]
fn llama_through_states_is_llama_by_hand() {
    for family in LLAMAS {
        let folder = tempfile::tempdir().unwrap();
        let file = family.compiled(folder.path());
        let mapped = MappedFile::open(&file).unwrap();
        let opened = Artifact::open(mapped.bytes()).unwrap();
        let mut together = Stateful::new(&opened, &[("kv", 7 + STEPS as i64), ("batch", 3)]);
        let mut jobs = Vec::new();
        let mut results = Vec::new();
        for batch in [3, 1] {
            together.states.reset();
            let positions = integers(&[batch, 7], (0..batch as i64 * 7).map(|i| i % 7));
            let mask = integers(&[batch, 7], (0..batch * 7).map(|_| 1));
            let prompt =
                named(vec![("input_ids", ids(&[batch, 7], 0)), ("attention_mask", mask), ("position_ids", positions)]);
            let mut by_hand = artifact::run(&folder.path().join("prefill.m4fw"), "main", &prompt);
            let mut through = together.run("prefill", &prompt).unwrap();
            through.extend(together.written("prefill"));
            assert_close(&through, &by_hand, TOLERANCE, &family.what());
            jobs.push(Job { model: family.model("prefill"), inputs: prompt });
            results.push(through);
            for step in 0..STEPS {
                let length = 8 + step;
                let position = integers(&[batch, 1], (0..batch).map(|_| length as i64 - 1));
                let mask = integers(&[batch, length], (0..batch * length).map(|_| 1));
                let mut token = named(vec![
                    ("input_ids", ids(&[batch, 1], step)),
                    ("attention_mask", mask),
                    ("position_ids", position),
                ]);
                let mut through = together.run("decode", &token).unwrap();
                through.extend(together.written("decode"));
                token.extend(handed_on(&together.program("decode"), &only(&by_hand, "present"), "past"));
                by_hand = artifact::run(&folder.path().join("decode.m4fw"), "main", &token);
                assert_close(&through, &by_hand, TOLERANCE, &format!("{}, step {step}", family.what()));
                if step % 9 == 0 {
                    jobs.push(Job { model: family.model("decode"), inputs: token });
                    results.push(through);
                }
            }
        }
        for (reference, through) in onnxruntime::run(&jobs).iter().zip(&results) {
            assert_close(through, reference, TOLERANCE, &format!("{} in onnxruntime", family.what()));
        }
    }
}

#[test]
fn whisper_through_states_is_whisper_by_hand() {
    for exporter in ["ts-op17", "dyn-op20"] {
        let family = Family { manifest: "whisper", folders: &[], exporter };
        let folder = tempfile::tempdir().unwrap();
        let file = family.compiled(folder.path());
        let mapped = MappedFile::open(&file).unwrap();
        let opened = Artifact::open(mapped.bytes()).unwrap();
        let mut together = Stateful::new(&opened, &[("self", 24)]);
        let alone = |program: &str, inputs: &Named| {
            artifact::run(&folder.path().join(format!("{program}.m4fw")), "main", inputs)
        };
        let (audio, _) = family.fixture("encode");
        let features = &audio["input_features"];
        let half = features.shape()[1..].iter().product::<usize>();
        let one = Data::from_f64(features.dtype(), features.as_f64s().unwrap()[..half].iter().copied());
        let shape = [&[1], &features.shape()[1..]].concat();
        let audio = named(vec![("input_features", Arc::new(Tensor::new(shape, one).unwrap()))]);
        let (mut jobs, mut results) = (Vec::new(), Vec::new());

        assert_eq!(together.run("encode", &audio).unwrap().len(), 0, "what it gives is a state");
        let heard = alone("encode", &audio);
        assert_close(&together.written("encode"), &heard, TOLERANCE, exporter);
        let mut words = named(vec![("input_ids", ids(&[1, 3], 1))]);
        let mut through = together.run("init", &words).unwrap();
        through.extend(together.written("init"));
        words.insert("encoder_hidden_states".into(), heard["last_hidden_state"].clone());
        let first = alone("init", &words);
        assert_close(&through, &first, TOLERANCE, exporter);
        jobs.push(Job { model: family.model("init"), inputs: words });
        results.push(through);

        let cross = handed_on(&together.program("step"), &only(&first, "cross"), "cross");
        let mut by_hand = first;
        for step in 0..20 {
            let mut token = named(vec![("input_ids", ids(&[1, 1], step))]);
            let mut through = together.run("step", &token).unwrap();
            through.extend(together.written("step"));
            token.extend(handed_on(&together.program("step"), &only(&by_hand, "present"), "past"));
            token.extend(cross.clone());
            by_hand = alone("step", &token);
            assert_close(&through, &by_hand, TOLERANCE, &format!("{exporter}, step {step}"));
            jobs.push(Job { model: family.model("step"), inputs: token });
            results.push(through);
        }
        for (reference, through) in onnxruntime::run(&jobs).iter().zip(&results) {
            assert_close(through, reference, TOLERANCE, &format!("whisper by {exporter} in onnxruntime"));
        }
    }
}

#[test]
fn states_that_are_set_and_read_give_what_pytorch_gave() {
    let whisper = ["ts-op17", "dyn-op20"].map(|exporter| Family { manifest: "whisper", folders: &[], exporter });
    let all = LLAMAS.iter().map(|family| (family, "decode")).chain(whisper.iter().map(|family| (family, "step")));
    for (family, program) in all {
        let folder = tempfile::tempdir().unwrap();
        let file = family.compiled(folder.path());
        let mapped = MappedFile::open(&file).unwrap();
        let opened = Artifact::open(mapped.bytes()).unwrap();
        let bounds: &[(&str, i64)] = if program == "step" { &[("self", 9)] } else { &[("kv", 8), ("batch", 2)] };
        let mut together = Stateful::new(&opened, bounds);
        let (inputs, expected) = family.fixture(program);
        together.set(program, &inputs);
        let mut results = together.run(program, &inputs).unwrap();
        results.extend(together.written(program));
        assert_close(&results, &expected, TOLERANCE, &family.what());
    }
}

/// The memory of the states is lent, so that every byte of it can be compared before and after a step.
#[test]
fn a_step_changes_only_the_rows_that_it_adds() {
    let family = &LLAMAS[1];
    let folder = tempfile::tempdir().unwrap();
    let file = family.compiled(folder.path());
    let mapped = MappedFile::open(&file).unwrap();
    let opened = Artifact::open(mapped.bytes()).unwrap();
    let mut bounds = StateBounds::new();
    bounds.at_most(&opened, "kv", 32).unwrap().at_most(&opened, "batch", 2).unwrap();
    let needed = States::memory(&opened, &bounds).unwrap();
    let (inputs, _) = family.fixture("decode");
    let row = 2 * 3 * 8 * size_of::<f32>();
    assert_eq!(needed, 4 * 32 * row);
    let mut memory = Aligned::of(&vec![0xAB; needed + 64]);
    let start = memory.bytes().as_ptr().align_offset(64);
    let mut lent = |step: bool| {
        let lent = &mut memory.bytes_mut()[start..start + needed];
        let mut together = Stateful::over(States::new(&opened, &bounds, Arena::Borrowed(lent)).unwrap());
        together.set("decode", &inputs);
        if step {
            together.run("decode", &inputs).unwrap();
        }
        drop(together);
        memory.bytes()[start..start + needed].to_vec()
    };
    let (set, stepped) = (lent(false), lent(true));
    for (state, (set, stepped)) in set.chunks(32 * row).zip(stepped.chunks(32 * row)).enumerate() {
        assert_eq!(set[..7 * row], stepped[..7 * row], "rows that state {state} had");
        assert!(set[7 * row..].iter().all(|&byte| byte == 0xAB), "state {state} was poisoned");
        assert!(stepped[7 * row..8 * row].iter().any(|&byte| byte != 0xAB), "the new row of state {state}");
        assert!(stepped[8 * row..].iter().all(|&byte| byte == 0xAB), "what lies behind the rows of state {state}");
    }
}

/// Nothing copies the cache: the steps that write rows do not read it, and only products do.
#[test]
fn only_products_read_the_cache_of_a_decoder() {
    let family = &LLAMAS[1];
    let folder = tempfile::tempdir().unwrap();
    let file = family.compiled(folder.path());
    let mapped = MappedFile::open(&file).unwrap();
    let opened = Artifact::open(mapped.bytes()).unwrap();
    let program = m4c_runtime::Program::find(&opened, "decode").unwrap();
    let tables = program.tables();
    let (mut written, mut read) = (0, 0);
    for step in tables.steps() {
        let kept = |tensor: &&m4c_format::program::Tensor| matches!(tensor.place, Place::State | Place::NextState);
        let reads = tables.operands()[step.operands.clone()].iter().filter(kept).count();
        let writes = tables.results()[step.results.clone()].iter().filter(kept).count();
        assert!(reads == 0 || writes == 0, "a step copies rows that are there");
        let kernel = &tables.kernels()[step.kernel as usize].name;
        let in_place = ["matmul_ordered_f32", "attention_f32"].contains(&&**kernel);
        assert!(reads == 0 || in_place, "`{kernel}` reads the cache");
        (read, written) = (read + reads, written + writes);
    }
    assert_eq!((read, written), (4, 4));
}

#[test]
fn what_does_not_fit_is_named() {
    let family = &LLAMAS[1];
    let folder = tempfile::tempdir().unwrap();
    let file = family.compiled(folder.path());
    let mapped = MappedFile::open(&file).unwrap();
    let opened = Artifact::open(mapped.bytes()).unwrap();
    let mut together = Stateful::new(&opened, &[("kv", 7), ("batch", 2)]);
    let (inputs, _) = family.fixture("decode");
    together.set("decode", &inputs);
    let before = together.written("decode");
    let full = together.run("decode", &inputs).unwrap_err();
    assert!(full.contains("lies outside the bounds") && full.contains("`past_seq`"), "{full}");
    let mut together = Stateful::new(&opened, &[("kv", 9), ("batch", 2)]);
    together.set("decode", &inputs);
    let one = |name: &str| {
        let tensor = &inputs[name];
        let row = tensor.shape()[1..].iter().product::<usize>();
        let Data::I64(values) = tensor.data() else { panic!("{name} holds integers") };
        integers(&[&[1], &tensor.shape()[1..]].concat(), values[..row].iter().copied())
    };
    let single = named(["input_ids", "attention_mask", "position_ids"].map(|name| (name, one(name))).to_vec());
    let batch = together.run("decode", &single).unwrap_err();
    assert!(batch.contains("a size of a state does not fit") && batch.contains("kv.0.key"), "{batch}");
    assert!(batch.contains("`past.0` f32[batch, 3, past_seq, 8]"), "{batch}");
    assert_eq!(together.written("decode"), before, "a run that is refused leaves states alone");
    let mut empty = Stateful::new(&opened, &[("kv", 9), ("batch", 2)]);
    assert!(empty.run("decode", &inputs).is_ok(), "rows may be added to nothing");
    assert!(empty.states.find("kv.0").is_err() && empty.program("decode").state("past.4").is_err());
}
