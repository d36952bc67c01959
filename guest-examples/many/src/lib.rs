//! Two hundred DAGs of ten tasks, to measure parsing by.

use flow_sdk::prelude::*;

const CHAIN: usize = 10;

/// Hands on what it is given.
#[task]
fn pass(value: u32) -> u32 {
    value
}

/// DAGs that differ in nothing but their names.
macro_rules! dags {
    ($($name:ident)+) => {
        $(
            /// Ten tasks, one after the other.
            #[dag]
            fn $name() {
                let mut last = pass(1);
                for _ in 1..CHAIN {
                    last = pass(last);
                }
            }
        )+
    };
}

dags! {
    d000 d001 d002 d003 d004 d005 d006 d007 d008 d009 d010 d011 d012 d013 d014 d015 d016 d017
    d018 d019 d020 d021 d022 d023 d024 d025 d026 d027 d028 d029 d030 d031 d032 d033 d034 d035
    d036 d037 d038 d039 d040 d041 d042 d043 d044 d045 d046 d047 d048 d049 d050 d051 d052 d053
    d054 d055 d056 d057 d058 d059 d060 d061 d062 d063 d064 d065 d066 d067 d068 d069 d070 d071
    d072 d073 d074 d075 d076 d077 d078 d079 d080 d081 d082 d083 d084 d085 d086 d087 d088 d089
    d090 d091 d092 d093 d094 d095 d096 d097 d098 d099 d100 d101 d102 d103 d104 d105 d106 d107
    d108 d109 d110 d111 d112 d113 d114 d115 d116 d117 d118 d119 d120 d121 d122 d123 d124 d125
    d126 d127 d128 d129 d130 d131 d132 d133 d134 d135 d136 d137 d138 d139 d140 d141 d142 d143
    d144 d145 d146 d147 d148 d149 d150 d151 d152 d153 d154 d155 d156 d157 d158 d159 d160 d161
    d162 d163 d164 d165 d166 d167 d168 d169 d170 d171 d172 d173 d174 d175 d176 d177 d178 d179
    d180 d181 d182 d183 d184 d185 d186 d187 d188 d189 d190 d191 d192 d193 d194 d195 d196 d197
    d198 d199
}
