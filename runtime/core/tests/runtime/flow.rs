//! Symbols that the data decides, and loops.

use m4c_format::description::{Bind, Loop, Operand, Place, Program};
use m4c_runtime::{Arena, Artifact, Bounds, Code, DType, Error, RunOptions, Session};

use crate::allocation::count;
use crate::executor::EXECUTORS;
use crate::model::{Aligned, Build, bytes, write};

/// `acc = x`, then `n` times `acc = acc + x`, each kept as a row of `z` from behind; `y = acc`. `n` lies in an input.
fn counting() -> Program {
    let mut build = Build::new("main");
    let rows = build.symbol("rows", 0, 8, 1);
    let n = build.symbol("n", 0, 1000, 1);
    let one = build.exprs.constant(1);
    let x = build.input("x", DType::F32, &[rows]);
    let count = build.input("count", DType::I64, &[]);
    let (y, z) = (build.output("y", &[rows]), build.output("z", &[n, rows]));
    let acc = build.buffer(&[rows], 0, 3);
    let sum = build.buffer(&[one, rows], 1, 2);
    let sum = Operand { dims: vec![rows], ..sum };
    let row = Operand { dims: vec![rows], ..z }.row(0, true);
    build.step("concat", std::slice::from_ref(&x), std::slice::from_ref(&acc));
    build.step("add", &[acc.clone(), x], std::slice::from_ref(&sum));
    build.step("concat", std::slice::from_ref(&sum), &[row]);
    build.step("concat", &[sum], std::slice::from_ref(&acc));
    build.step("concat", &[acc], &[y]);
    build.program.buffers[0].last = 4;
    build.program.buffers[1].last = 3;
    let mut program = build.finish();
    program.binds.push(Bind { symbol: 1, from: Box::new(count), before: 1, node: 0 });
    program.loops.push(Loop { first: 1, last: 3, trip: program.outputs[1].dims[0] });
    program
}

fn session<'a>(artifact: &'a Artifact<'a>, most: i64) -> Session<'a> {
    let program = m4c_runtime::Program::nth(artifact, 0).expect("one program");
    let mut bounds = Bounds::of(&program);
    bounds.at_most(&program, "n", most).expect("in range");
    Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).expect("a session")
}

#[test]
fn the_data_decides_how_often_a_loop_runs() {
    let file = Aligned::new(&write(|_| vec![counting()]));
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut session = session(&artifact, 5);
    let x = Aligned::new(&bytes(&[1.0, -2.0]));
    session.bind(&[&[2], &[]]).expect("fits");
    assert_eq!(session.output_dims(0), Ok(&[2][..]));
    assert_eq!(session.output_dims(1), Err(Error::at(Code::SizeOpen, 1)));
    assert_eq!((session.output_most(1), session.output_bytes(1)), (Ok(&[5, 2][..]), Ok(40)));
    let (mut y, mut z) = (Aligned::new(&[0; 8]), Aligned::new(&[0xAA; 40]));
    for n in [3i64, 0, 5, 1] {
        let given = Aligned::new(&n.to_le_bytes());
        let before = count();
        let outcome =
            session.run(&[x.bytes(), given.bytes()], &mut [y.bytes_mut(), z.bytes_mut()], &RunOptions::default());
        assert_eq!((outcome, count() - before), (Ok(()), 0), "running allocates nothing");
        assert_eq!(session.output_dims(1), Ok(&[n as usize, 2][..]));
        let at = |bytes: &[u8], i: usize| f32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().expect("four bytes"));
        assert_eq!((at(y.bytes(), 0), at(y.bytes(), 1)), ((n + 1) as f32, -2.0 * (n + 1) as f32));
        for row in 0..n as usize {
            assert_eq!(at(z.bytes(), 2 * row), (n as usize - row + 1) as f32, "row {row} of {n}");
        }
        assert!(session.bind(&[&[3], &[]]).is_ok() && session.bind(&[&[2], &[]]).is_ok());
    }
    for n in [6i64, -1, i64::MIN, i64::MAX] {
        let given = Aligned::new(&n.to_le_bytes());
        let outcome =
            session.run(&[x.bytes(), given.bytes()], &mut [y.bytes_mut(), z.bytes_mut()], &RunOptions::default());
        assert_eq!(outcome, Err(Error::at(Code::DataOutOfBounds, 1)));
        assert_eq!(session.output_dims(1), Err(Error::at(Code::SizeOpen, 1)));
    }
}

#[test]
fn guards_over_bound_symbols_are_checked_while_running() {
    let file = Aligned::new(&write(|_| {
        let mut program = counting();
        let (left, right) = (program.outputs[1].dims[0], program.inputs[0].dims[0]);
        let kind = m4c_format::GuardKind::Equal;
        program.guards.push(m4c_format::description::Guard { kind, left, right, text: "n = rows".into() });
        vec![program]
    }));
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let mut session = session(&artifact, 8);
    session.bind(&[&[2], &[]]).expect("fits");
    let x = Aligned::new(&[0; 8]);
    for (n, expected) in [(2i64, Ok(())), (3, Err(Error::at(Code::GuardFailed, 0)))] {
        let (mut y, mut z) = (Aligned::new(&[0; 8]), Aligned::new(&[0; 64]));
        let given = Aligned::new(&n.to_le_bytes());
        let outcome =
            session.run(&[x.bytes(), given.bytes()], &mut [y.bytes_mut(), z.bytes_mut()], &RunOptions::default());
        assert_eq!(outcome, expected);
    }
}

#[test]
fn loops_without_end_are_too_large() {
    let file = Aligned::new(&write(|_| {
        let mut program = counting();
        program.symbols[1].high = 1 << 40;
        // The rows are those of a tensor of fixed size, so only the trip count grows.
        program.outputs.pop();
        program.steps.remove(2);
        program.loops[0].last = 2;
        program.buffers[0].last = 3;
        program.buffers[1].last = 2;
        vec![program]
    }));
    let artifact = Artifact::open(file.bytes()).expect("sound");
    let program = m4c_runtime::Program::nth(&artifact, 0).expect("one program");
    let outcome = Session::new(program, &Bounds::of(&program), EXECUTORS, 1, Arena::Owned);
    assert_eq!(outcome.err().map(|error| error.code), Some(Code::TooLarge));
}

type Fault = (&'static str, fn(&mut Program));

const FAULTS: &[Fault] = &[
    ("bind of no symbol", |p| p.binds[0].symbol = 2),
    ("bind twice", |p| p.binds.push(p.binds[0].clone())),
    ("bind too late", |p| p.binds[0].before = 2),
    ("bind beyond the end", |p| p.binds[0].before = 6),
    ("bind of a symbol of an input", |p| p.binds[0].symbol = 0),
    ("bind of nothing", |p| *p.binds[0].from = Operand::absent()),
    ("bind of a real number", |p| p.binds[0].from.dtype = DType::F32),
    ("bind of a list", |p| p.binds[0].from.dims = vec![0]),
    ("bind of a row", |p| p.binds[0].from.row = 1),
    ("bind of what no step wrote", |p| {
        p.binds[0].from.place = Place::Buffer;
        p.binds[0].from.index = 1;
    }),
    ("bind by no node", |p| p.binds[0].node = 99),
    ("loop reversed", |p| p.loops[0].last = 0),
    ("loop beyond the end", |p| p.loops[0].last = 5),
    ("loop without trip", |p| p.loops[0].trip = 99),
    ("loops that overlap", |p| p.loops.push(Loop { first: 2, last: 4, trip: 0 })),
    ("loops out of order", |p| p.loops.push(Loop { first: 0, last: 0, trip: 0 })),
    ("loops nested too deep", |p| p.loops = vec![p.loops[0].clone(); 9]),
    ("row of no loop", |p| p.steps[2].results[0].row = 2),
    ("row outside its loop", |p| p.steps[0].operands[0].row = 1),
    ("row of half bytes", |p| {
        p.inputs[0].dtype = DType::I4;
        for step in [0, 1] {
            p.steps[step].operands.iter_mut().filter(|o| o.place == Place::Input).for_each(|o| {
                o.dtype = DType::I4;
                o.row = step as u32;
            });
        }
    }),
    ("buffer that ends inside a loop", |p| p.buffers[0].last = 2),
    ("buffer that begins inside a loop", |p| {
        p.buffers[1].first = 2;
        p.buffers[1].last = 4;
    }),
];

#[test]
fn false_flow_is_malformed() {
    for (name, fault) in FAULTS {
        let file = write(|_| {
            let mut program = counting();
            fault(&mut program);
            vec![program]
        });
        let outcome = Artifact::open(&file).err();
        assert_eq!(outcome.map(|error| error.code), Some(Code::Malformed), "{name}: {outcome:?}");
    }
}

/// Replaces numbers at random: whatever opens must bind and run, or be refused.
#[test]
fn random_changes_of_flow_never_panic() {
    let mut state = 0x1234_5678_9ABC_DEF1u64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut opened, mut ran) = (0, 0);
    for _ in 0..6000 {
        let file = Aligned::new(&write(|_| {
            let mut program = counting();
            program.symbols[1].high = 9;
            for _ in 0..=next(2) {
                let step = next(5) as usize;
                let expr = next(program.exprs.len() as u64) as u32;
                match next(10) {
                    0 => program.loops[0].first = next(5) as u32,
                    1 => program.loops[0].last = next(5) as u32,
                    2 => program.loops[0].trip = expr,
                    3 => program.binds[0].before = next(6) as u32,
                    4 => program.binds[0].from.index = next(3) as u32,
                    5 => program.steps[step].operands[0].row = next(2) as u32,
                    6 => program.steps[step].results[0].row = next(2) as u32,
                    7 => program.buffers[next(2) as usize].last = next(5) as u32,
                    8 => program.steps[step].results[0].index = next(2) as u32,
                    _ => program.outputs[1].dims[0] = expr,
                }
            }
            vec![program]
        }));
        let Ok(artifact) = Artifact::open(file.bytes()) else { continue };
        opened += 1;
        let program = m4c_runtime::Program::nth(&artifact, 0).expect("one program");
        let Ok(mut session) = Session::new(program, &Bounds::of(&program), EXECUTORS, 1, Arena::Owned) else {
            continue;
        };
        for rows in 0..4 {
            if session.bind(&[&[rows], &[]]).is_err() {
                continue;
            }
            let (x, mut y, mut z) = (Aligned::new(&[0; 400]), Aligned::new(&[0; 400]), Aligned::new(&[0; 400]));
            let given = Aligned::new(&(next(11) as i64 - 1).to_le_bytes());
            let inputs = [x.bytes(), given.bytes()];
            let outputs = &mut [y.bytes_mut(), z.bytes_mut()];
            ran += u32::from(session.run(&inputs, outputs, &RunOptions::default()).is_ok());
        }
    }
    assert!(opened > 400 && ran > 400, "{opened} opened, {ran} ran: the test no longer reaches the runtime");
}
