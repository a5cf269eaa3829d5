// Stands for nothing but the precompiled header beside it.
