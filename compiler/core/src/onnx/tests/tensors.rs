//! Tensors in each way that a message can hold them.

use super::*;
use crate::diagnostic::{Code, codes};
use crate::onnx::{TensorData, TensorRef};

fn typed(dtype: ElementType, dims: &[i64], fill: impl FnOnce(&mut TensorProto)) -> TensorProto {
    let mut tensor = TensorProto {
        name: Some("t".into()),
        data_type: Some(dtype as i32),
        dims: dims.to_vec(),
        ..Default::default()
    };
    fill(&mut tensor);
    tensor
}

fn load(tensor: TensorProto) -> Result<TensorRef, Diagnostic> {
    let file = read(&storing(vec![tensor])).unwrap();
    file.tensor(&file.graph_proto().initializer[0])
}

fn check(tensor: TensorProto, bytes: &[u8]) {
    let loaded = load(tensor).unwrap();
    assert_eq!(loaded.bytes(), bytes, "{loaded:?}");
}

fn refused(tensor: TensorProto, code: Code, words: &str) {
    let error = load(tensor).unwrap_err();
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(words), "{error}");
}

fn ints(dtype: ElementType, dims: &[i64], values: &[i32]) -> TensorProto {
    typed(dtype, dims, |tensor| tensor.int32_data = values.to_vec())
}

#[test]
fn raw_data_is_a_piece_of_the_file() {
    let file = read(&model_of(small_graph())).unwrap();
    let tensor = file.tensor(&file.graph_proto().initializer[0]).unwrap();
    let TensorData::Slice(slice) = &tensor.data else { panic!("{tensor:?}") };
    let (begin, end) = (slice.offset() as usize, (slice.offset() + slice.len()) as usize);
    assert_eq!(&file.source().bytes()[begin..end], bytes_of(&[1.0, 2.0, 3.0, 4.0]));
    assert_eq!(slice.bytes().as_ptr(), file.source().bytes()[begin..].as_ptr());
    assert_eq!(tensor.element_count(), 4);
    assert_eq!(tensor.dims, [2, 2]);
}

#[test]
fn a_tensor_of_another_message_is_shared_but_not_located() {
    let file = read(&model_of(small_graph())).unwrap();
    let foreign = TensorProto::from_bytes("t", ElementType::Uint8, &[3], vec![7, 8, 9]);
    let tensor = file.tensor(&foreign).unwrap();
    assert!(matches!(tensor.data, TensorData::Owned(_)));
    assert_eq!(tensor.bytes(), [7, 8, 9]);
}

#[test]
fn numbers_of_every_type_become_bytes() {
    use ElementType as T;
    check(typed(T::Float, &[2], |t| t.float_data = vec![1.0, -0.0]), &[0, 0, 128, 63, 0, 0, 0, 128]);
    check(typed(T::Complex64, &[1], |t| t.float_data = vec![1.0, 0.0]), &[0, 0, 128, 63, 0, 0, 0, 0]);
    check(typed(T::Double, &[1], |t| t.double_data = vec![1.0]), &[0, 0, 0, 0, 0, 0, 240, 63]);
    check(
        typed(T::Complex128, &[1], |t| t.double_data = vec![0.0, 1.0]),
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 240, 63],
    );
    check(typed(T::Int64, &[1], |t| t.int64_data = vec![-2]), &[254, 255, 255, 255, 255, 255, 255, 255]);
    check(typed(T::Uint64, &[1], |t| t.uint64_data = vec![u64::MAX]), &[255; 8]);
    check(typed(T::Uint32, &[1], |t| t.uint64_data = vec![u32::MAX.into()]), &[255; 4]);
    check(ints(T::Int32, &[1], &[-2]), &[254, 255, 255, 255]);
    check(ints(T::Int16, &[2], &[-2, 258]), &[254, 255, 2, 1]);
    check(ints(T::Uint16, &[1], &[65534]), &[254, 255]);
    check(ints(T::Int8, &[2], &[-128, 127]), &[128, 127]);
    check(ints(T::Uint8, &[2], &[0, 255]), &[0, 255]);
    check(ints(T::Bool, &[3], &[0, 1, 2]), &[0, 1, 1]);
    check(ints(T::Float16, &[2], &[0x3c00, 0xfc00]), &[0x00, 0x3c, 0x00, 0xfc]);
    check(ints(T::Bfloat16, &[1], &[0x3f80]), &[0x80, 0x3f]);
    for float8 in [T::Float8e4m3fn, T::Float8e4m3fnuz, T::Float8e5m2, T::Float8e5m2fnuz, T::Float8e8m0] {
        check(ints(float8, &[1], &[0xbd]), &[0xbd]);
    }
    for four in [T::Int4, T::Uint4, T::Float4e2m1] {
        check(ints(four, &[3], &[0x21, 0x03]), &[0x21, 0x03]);
    }
    check(ints(T::Int4, &[2], &[-1]), &[0xff]);
    for two in [T::Int2, T::Uint2] {
        check(ints(two, &[5], &[0xe4, 0x01]), &[0xe4, 0x01]);
    }
    for six in [T::Float6e2m3, T::Float6e3m2] {
        check(ints(six, &[5], &[1, 2, 3, 4, 63]), &[0x81, 0x30, 0x10, 0x3f]);
    }
}

#[test]
fn bytes_of_small_types_are_counted_in_bits() {
    let raw = |dtype, dims: &[i64], len| TensorProto::from_bytes("t", dtype, dims, vec![0; len]);
    check(raw(ElementType::Int4, &[3, 3], 5), &[0; 5]);
    check(raw(ElementType::Uint2, &[5], 2), &[0; 2]);
    check(raw(ElementType::Float6e2m3, &[5], 4), &[0; 4]);
    refused(raw(ElementType::Int4, &[3, 3], 9), codes::TENSOR_LENGTH, "has 9 bytes of data, int4[3, 3] needs 5");
}

#[test]
fn scalars_and_empty_tensors_are_tensors() {
    check(typed(ElementType::Float, &[], |tensor| tensor.float_data = vec![0.0]), &[0; 4]);
    check(typed(ElementType::Float, &[0, 4], |_| {}), &[]);
    check(typed(ElementType::Float, &[i64::MAX / 64, 0], |_| {}), &[]);
    check(TensorProto::from_bytes("t", ElementType::Int64, &[0], vec![]), &[]);
}

#[test]
fn data_that_does_not_fit_is_refused() {
    use ElementType as T;
    refused(ints(T::Uint8, &[2], &[1]), codes::TENSOR_LENGTH, "has 1 numbers in int32_data, its shape needs 2");
    refused(ints(T::Uint8, &[1], &[256]), codes::TENSOR_VALUE, "holds 256, which is no uint8");
    refused(ints(T::Int8, &[1], &[128]), codes::TENSOR_VALUE, "128");
    refused(ints(T::Float16, &[1], &[0x10000]), codes::TENSOR_VALUE, "65536");
    refused(ints(T::Float6e3m2, &[1], &[64]), codes::TENSOR_VALUE, "64");
    refused(ints(T::Int4, &[2], &[256]), codes::TENSOR_VALUE, "256");
    refused(typed(T::Uint32, &[1], |t| t.uint64_data = vec![1 << 32]), codes::TENSOR_VALUE, "4294967296");
    refused(typed(T::Float, &[2], |_| {}), codes::TENSOR_LENGTH, "needs 2");
    refused(typed(T::Float, &[-1], |_| {}), codes::TENSOR_SHAPE, "[-1]");
    refused(typed(T::Float, &[i64::MAX, 3], |_| {}), codes::TENSOR_SHAPE, "64 bits");
    refused(typed(T::Float, &[i64::MAX, i64::MAX, 0], |_| {}), codes::TENSOR_SHAPE, "64 bits");
    refused(typed(T::Complex128, &[i64::MAX], |_| {}), codes::TENSOR_SHAPE, "64 bits");
    refused(typed(T::Uint2, &[i64::MAX], |_| {}), codes::TENSOR_LENGTH, "needs");
    refused(typed(T::String, &[1], |t| t.string_data = vec!["a".into()]), codes::UNSUPPORTED_DTYPE, "texts");
    refused(typed(T::Undefined, &[1], |_| {}), codes::UNSUPPORTED_DTYPE, "no element type");
    refused(typed(T::Float, &[1], |t| t.data_type = Some(99)), codes::UNSUPPORTED_DTYPE, "99");
    refused(
        typed(T::Float, &[1], |t| {
            t.float_data = vec![1.0];
            t.raw_data = Some(vec![0; 4].into());
        }),
        codes::TENSOR_LENGTH,
        "twice",
    );
    refused(typed(T::Float, &[1], |t| t.segment = Some(Default::default())), codes::TENSOR_LENGTH, "segments");
}

#[test]
fn integers_are_read_from_every_integer_type() {
    use ElementType as T;
    let check = |tensor: TensorProto, expect: Option<&[i64]>| {
        assert_eq!(load(tensor).unwrap().integers().as_deref(), expect);
    };
    check(typed(T::Int64, &[2], |t| t.int64_data = vec![-1, i64::MAX]), Some(&[-1, i64::MAX]));
    check(ints(T::Int32, &[1], &[-7]), Some(&[-7]));
    check(ints(T::Int16, &[1], &[-7]), Some(&[-7]));
    check(ints(T::Int8, &[1], &[-7]), Some(&[-7]));
    check(ints(T::Uint8, &[1], &[200]), Some(&[200]));
    check(ints(T::Uint16, &[1], &[60000]), Some(&[60000]));
    check(ints(T::Bool, &[2], &[0, 1]), Some(&[0, 1]));
    check(typed(T::Uint32, &[1], |t| t.uint64_data = vec![4_000_000_000]), Some(&[4_000_000_000]));
    check(typed(T::Uint64, &[1], |t| t.uint64_data = vec![u64::MAX]), None);
    check(typed(T::Float, &[1], |t| t.float_data = vec![1.0]), None);
}
