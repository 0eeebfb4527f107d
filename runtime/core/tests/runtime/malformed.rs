//! Descriptions with sound hashes and false content: refused with a code, without panic and without large allocations.

use m4c_format::description::{Expr, ExprOp, ExprStep, GuardKind, Operand, Place, Program, State, StateKind};
use m4c_runtime::{Arena, Artifact, Bounds, Code, DType, RunOptions, Session, StateBounds, States};

use crate::allocation::bytes_allocated;
use crate::executor::EXECUTORS;
use crate::model::{Aligned, first_program, next_program, sample_program, sample_states, write, write_states};

/// What is wrong, and how to make it so.
type Fault = (&'static str, fn(&mut Program));

const FAULTS: &[Fault] = &[
    ("kernel", |p| p.steps[0].kernel = 99),
    ("node", |p| p.steps[0].node = 99),
    ("param", |p| p.steps[0].params.push(99)),
    ("operand buffer", |p| p.steps[1].operands[0].index = 99),
    ("operand input", |p| p.steps[0].operands[0].index = 99),
    ("operand constant", |p| p.steps[2].operands[1].index = u32::MAX),
    ("operand dims", |p| p.steps[0].operands[0].dims[0] = 99),
    ("operand rank", |p| p.steps[0].operands[0].dims = vec![0; 9]),
    ("operand dtype", |p| p.steps[0].operands[0].dtype = DType::I64),
    ("constant dtype", |p| p.steps[2].operands[1].dtype = DType::I64),
    ("constant dims", |p| p.steps[2].operands[1].dims = vec![0]),
    ("result in a constant", |p| p.steps[2].results[0].place = Place::Constant),
    ("result in an input", |p| p.steps[0].results[0] = p.steps[0].operands[0].clone()),
    ("result absent", |p| p.steps[0].results[0] = Operand::absent()),
    ("result overlaps operand", |p| p.steps[1].results[0].index = 0),
    ("result twice", |p| {
        let twice = p.steps[1].results[0].clone();
        p.steps[1].results.push(twice);
    }),
    ("output never written", |p| {
        p.steps.pop();
        p.buffers[1].last = 1;
    }),
    ("output read before written", |p| {
        let y = p.steps[2].results[0].clone();
        p.steps[0].operands[0] = y;
    }),
    ("buffer read before written", |p| {
        p.buffers[1].first = 0;
        p.steps[0].operands[0] = Operand { index: 1, place: Place::Buffer, ..p.steps[0].operands[0].clone() };
    }),
    ("live range reversed", |p| p.buffers[0].first = 2),
    ("live range too short", |p| p.buffers[0].last = 0),
    ("live range beyond the steps", |p| p.buffers[0].last = 3),
    ("buffer size", |p| p.buffers[0].bytes = 99),
    ("guard", |p| {
        p.guards.push(m4c_format::description::Guard {
            kind: GuardKind::Equal,
            left: 0,
            right: 99,
            text: String::new(),
        })
    }),
    ("port dims", |p| p.outputs[0].dims[0] = 99),
    ("port rank", |p| p.outputs[0].dims = vec![0; 9]),
    ("port names", |p| {
        let twin = p.inputs[0].clone();
        p.inputs.push(twin);
    }),
    ("symbol range", |p| {
        p.symbols[0].low = 5;
        p.symbols[0].high = 4;
    }),
    ("symbol negative", |p| p.symbols[0].low = -1),
    ("symbol step", |p| p.symbols[0].step = 0),
    ("empty expression", |p| p.exprs.push(Expr { steps: vec![] })),
    ("expression underflow", |p| p.exprs.push(Expr { steps: vec![ExprStep { arg: 0, op: ExprOp::Add }] })),
    ("expression leftover", |p| p.exprs.push(Expr { steps: vec![ExprStep { arg: 0, op: ExprOp::Const }; 2] })),
    ("expression symbol", |p| p.exprs.push(Expr { steps: vec![ExprStep { arg: 1, op: ExprOp::Symbol }] })),
    ("expression symbol", |p| p.exprs.push(Expr { steps: vec![ExprStep { arg: -1, op: ExprOp::Symbol }] })),
    ("expression depth", |p| {
        let mut steps = vec![ExprStep { arg: 1, op: ExprOp::Const }; 33];
        steps.extend(vec![ExprStep { arg: 0, op: ExprOp::Add }; 32]);
        p.exprs.push(Expr { steps });
    }),
];

#[test]
fn false_descriptions_are_malformed() {
    for (name, fault) in FAULTS {
        let file = write(|weight| {
            let mut program = sample_program(weight);
            fault(&mut program);
            vec![program]
        });
        let mut outcome = None;
        let taken = bytes_allocated(|| outcome = Artifact::open(&file).err());
        assert_eq!(outcome.map(|error| error.code), Some(Code::Malformed), "{name}: {outcome:?}");
        assert!(taken < 64 * file.len(), "{name} took {taken} bytes");
    }
}

/// What is wrong with the programs `first` and `next` and their states.
type StateFault = (&'static str, fn(&mut [Program; 2], &mut Vec<State>));

const STATE_FAULTS: &[StateFault] = &[
    ("state", |p, _| p[0].states[0].state = 9),
    ("state twice", |p, _| p[0].states[1].state = 0),
    ("no states", |_, s| s.clear()),
    ("state names", |_, s| s[1].name = "kv".into()),
    ("state rank", |_, s| s[1].axes = vec![s[1].axes[0].clone(); 9]),
    ("state axis", |_, s| s[0].axis = 3),
    ("state of fixed length", |_, s| s[0].axes[1].name.clear()),
    ("state of negative size", |_, s| s[1].axes[0].size = -1),
    ("state of half bytes", |_, s| s[1].dtype = DType::I4),
    ("state of another type", |_, s| s[1].dtype = DType::I32),
    ("state of another rank", |_, s| drop(s[0].axes.pop())),
    ("unused", |p, _| (p[0].states[0].read, p[0].states[0].write) = (None, None)),
    ("overwritten while read", |_, s| s[1].kind = StateKind::Write),
    ("port dims", |p, _| p[1].states[0].read.as_mut().unwrap().dims[0] = 99),
    ("port dtype", |p, _| p[1].states[0].write.as_mut().unwrap().dtype = DType::I64),
    ("port names", |p, _| p[1].states[1].read.as_mut().unwrap().name = "past".into()),
    ("input names", |p, _| p[1].states[1].read.as_mut().unwrap().name = "x".into()),
    ("output names", |p, _| p[1].states[1].write.as_mut().unwrap().name = "rows".into()),
    ("tensor of no state", |p, _| p[1].steps[1].operands[0].index = 2),
    ("tensor of a state that is not read", |p, _| {
        p[0].steps[0].operands[0] = Operand { place: Place::State, ..p[0].steps[0].results[0].clone() }
    }),
    ("tensor of a state that is not written", |p, _| p[1].states[0].write = None),
    ("tensor of another type", |p, _| p[1].steps[1].operands[0].dtype = DType::I64),
    ("written as it was", |p, _| p[1].steps[1].results[0].place = Place::State),
    ("read before it is written", |p, _| p[1].steps.swap(0, 2)),
    ("read while it is written", |p, _| p[1].steps[0].operands[0] = p[1].steps[2].operands[0].clone()),
    ("never written", |p, _| drop(p[0].steps.pop())),
];

#[test]
fn false_states_are_malformed() {
    for (name, fault) in STATE_FAULTS {
        let (mut programs, mut states) = ([first_program(), next_program()], sample_states());
        fault(&mut programs, &mut states);
        let file = write_states(programs.to_vec(), states);
        let mut outcome = None;
        let taken = bytes_allocated(|| outcome = Artifact::open(&file).err());
        assert_eq!(outcome.map(|error| error.code), Some(Code::Malformed), "{name}: {outcome:?}");
        assert!(taken < 64 * file.len(), "{name} took {taken} bytes");
    }
}

/// Replaces numbers of sound programs over states at random: whatever opens must bind and run, or be refused.
#[test]
fn random_changes_of_states_never_panic() {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut opened, mut ran) = (0, 0);
    for _ in 0..6000 {
        let (mut programs, mut states) = ([first_program(), next_program()], sample_states());
        for _ in 0..=next(2) {
            let which = next(2) as usize;
            change_states(&mut programs[which], &mut states, &mut next);
        }
        let file = Aligned::new(&write_states(programs.to_vec(), states));
        let Ok(artifact) = Artifact::open(file.bytes()) else { continue };
        opened += 1;
        let mut bounds = StateBounds::new();
        // Either name may be gone, or its size be fixed or small.
        let _ = bounds.at_most(&artifact, "kv", 5).map(drop);
        let _ = bounds.at_most(&artifact, "batch", 3).map(drop);
        let Ok(mut states) = States::new(&artifact, &bounds, Arena::Owned) else { continue };
        for name in ["first", "next", "next", "first", "next"] {
            let program = m4c_runtime::Program::find(&artifact, name).expect("there");
            let mut bounds = Bounds::of(&program);
            if bounds.within(&program, &states).is_err() {
                continue;
            }
            let Ok(mut session) = Session::new(program, &bounds, EXECUTORS, 2, Arena::Owned) else { continue };
            for (rows, batch) in [(1, 2), (2, 2), (1, 1), (5, 3)] {
                if session.bind_with(&[&[rows, batch, 2], &[2]], &states).is_err() {
                    continue;
                }
                let (x, mut y) = (Aligned::new(&[0; 400]), [Aligned::new(&[0; 400]), Aligned::new(&[0; 400])]);
                let mut outputs: Vec<&mut [u8]> = y.iter_mut().map(Aligned::bytes_mut).collect();
                outputs.truncate(program.outputs().len());
                let inputs = [x.bytes(), x.bytes()];
                let outcome = session.run_with(&inputs, &mut outputs, &mut states, &RunOptions::default());
                ran += u32::from(outcome.is_ok());
                for state in 0..artifact.states().len() {
                    let mut content = vec![0; states.bytes(state)];
                    let empty = states.dims(state).is_none();
                    assert_eq!(states.get(state, &mut content).is_err(), empty);
                }
            }
        }
    }
    assert!(opened > 400 && ran > 400, "{opened} opened, {ran} ran: the test no longer reaches the runtime");
}

fn change_states(program: &mut Program, states: &mut [State], next: &mut impl FnMut(u64) -> u64) {
    let step = next(program.steps.len() as u64) as usize;
    let (used, state) = (next(2) as usize, next(2) as usize);
    let expr = next(program.exprs.len() as u64) as u32;
    let places = [Place::Input, Place::Output, Place::State, Place::NextState];
    let kinds = [StateKind::Append, StateKind::Write, StateKind::Carry];
    let sizes = [0, 1, 2, 3, 1 << 40, i64::MAX];
    let ports = &mut program.states[used];
    match next(10) {
        0 => states[state].kind = kinds[next(3) as usize],
        1 => states[state].axis = next(4) as u32,
        2 => {
            let axis = next(states[state].axes.len() as u64) as usize;
            states[state].axes[axis].size = sizes[next(6) as usize];
        }
        3 => {
            let axis = next(states[state].axes.len() as u64) as usize;
            states[state].axes[axis].name = ["", "kv", "batch"][next(3) as usize].into();
        }
        4 => ports.state = next(3) as u32,
        5 => {
            let port = if next(2) == 0 { &mut ports.read } else { &mut ports.write };
            match port {
                Some(port) if next(2) == 0 => {
                    let axis = next(port.dims.len() as u64) as usize;
                    port.dims[axis] = expr;
                }
                _ => *port = None,
            }
        }
        6 => program.steps[step].operands[0].place = places[next(4) as usize],
        7 => program.steps[step].results[0].place = places[next(4) as usize],
        8 => program.steps[step].operands[0].index = next(3) as u32,
        _ => {
            let dims = &mut program.steps[step].results[0].dims;
            let axis = next(dims.len() as u64) as usize;
            dims[axis] = expr;
        }
    }
}

#[test]
fn two_programs_of_one_name_are_malformed() {
    let file = write(|weight| vec![sample_program(weight), sample_program(weight)]);
    assert_eq!(Artifact::open(&file).err().map(|error| error.code), Some(Code::Malformed));
}

/// Replaces numbers of a sound program at random: whatever opens must bind and run, or be refused.
#[test]
fn random_changes_never_panic() {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut opened, mut ran) = (0, 0);
    for _ in 0..4000 {
        let file = Aligned::new(&write(|weight| {
            let mut program = sample_program(weight);
            program.symbols[0].high = 6;
            for _ in 0..=next(2) {
                change(&mut program, &mut next);
            }
            vec![program]
        }));
        let Ok(artifact) = Artifact::open(file.bytes()) else { continue };
        opened += 1;
        let program = m4c_runtime::Program::nth(&artifact, 0).expect("one program");
        let bounds = Bounds::of(&program);
        let Ok(mut session) = Session::new(program, &bounds, EXECUTORS, 2, Arena::Owned) else { continue };
        for rows in 0..6 {
            if session.bind(&[&[rows, 3]]).is_err() {
                continue;
            }
            let x = Aligned::new(&[0; 400]);
            let mut y = Aligned::new(&[0; 400]);
            ran += u32::from(session.run(&[x.bytes()], &mut [y.bytes_mut()], &RunOptions::default()).is_ok());
        }
    }
    assert!(opened > 400 && ran > 400, "{opened} opened, {ran} ran: the test no longer reaches the runtime");
}

fn change(program: &mut Program, next: &mut impl FnMut(u64) -> u64) {
    let step = next(program.steps.len() as u64) as usize;
    let expr = next(program.exprs.len() as u64) as u32;
    match next(10) {
        0 => program.buffers[next(2) as usize].bytes = expr,
        1 => program.buffers[next(2) as usize].first = next(4) as u32,
        2 => program.buffers[next(2) as usize].last = next(4) as u32,
        3 => program.steps[step].operands[0].index = next(3) as u32,
        4 => program.steps[step].results[0].index = next(3) as u32,
        5 => program.steps[step].kernel = next(4) as u32,
        6 => program.steps[step].operands[0].dims = vec![expr, expr],
        7 => program.steps[step].results[0].dims[0] = expr,
        8 => {
            let steps = &mut program.exprs[expr as usize].steps;
            let at = next(steps.len() as u64) as usize;
            let extremes = [0, 1, -1, 7, i64::MAX, i64::MIN, 1 << 40];
            steps[at].arg = extremes[next(7) as usize];
        }
        _ => {
            let ops = [ExprOp::Add, ExprOp::Mul, ExprOp::FloorDiv, ExprOp::Min, ExprOp::Max];
            let steps = &mut program.exprs[expr as usize].steps;
            if let Some(last) = steps.last_mut() {
                last.op = ops[next(5) as usize];
            }
        }
    }
}
