//! 03xx: adapters.

use crate::diagnostic::code::codes;

codes! {
    ADAPTER_UNREADABLE = 301 {
        title: "an adapter cannot be read",
        explanation: "An adapter is a folder as peft saves it: `adapter_config.json` says what it is, \
                      `adapter_model.safetensors` has its tensors. One of them is missing, cut short, or not in its format.",
        example: "a folder with adapter_model.bin in place of adapter_model.safetensors",
        remedy: "Save it again with `model.save_pretrained(FOLDER)`; peft writes safetensors unless it is told not to.",
    }
    ADAPTER_UNSUPPORTED = 302 {
        title: "an adapter is of a kind that m4c does not apply",
        explanation: "m4c applies changes of low rank (LoRA): W + s * B * A. The configuration names another kind, or asks for \
                      more than such a change; the message says what.",
        example: "use_dora: true",
        remedy: "Merge the adapter with peft (`model.merge_and_unload()`) and export the model, or train plain LoRA.",
    }
    ADAPTER_INCONSISTENT = 303 {
        title: "an adapter contradicts itself",
        explanation: "Its tensors do not fit each other or its configuration: half of a pair is missing, ranks differ, a matrix \
                      has other than two axes, or an element is no finite number.",
        example: "lora_A of [8, 4096] beside lora_B of [4096, 4]",
        remedy: "Save it again; a training run that went to NaN must be repeated.",
    }
}
