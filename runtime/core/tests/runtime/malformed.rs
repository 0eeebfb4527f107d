//! Descriptions with sound hashes and false content: refused with a code, without panic and without large allocations.

use m4c_format::description::{Expr, ExprOp, ExprStep, GuardKind, Operand, Place, Program};
use m4c_runtime::{Arena, Artifact, Bounds, Code, DType, RunOptions, Session};

use crate::allocation::bytes_allocated;
use crate::executor::EXECUTORS;
use crate::model::{Aligned, sample_program, write};

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
