package io.lazystate.paging;

import java.lang.reflect.Proxy;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.apache.flink.runtime.state.internal.InternalKvState;

/** Reads as the server of queries does: in a thread of its own, by a method of the state. */
final class Query {
    private Query() {}

    /** What the read returns or throws. */
    static byte[] of(Callable<byte[]> read) throws Exception {
        InternalKvState<?, ?, ?> state =
                (InternalKvState<?, ?, ?>)
                        Proxy.newProxyInstance(
                                Query.class.getClassLoader(),
                                new Class<?>[] {InternalKvState.class},
                                (proxy, method, arguments) -> read.call());
        FutureTask<byte[]> answer =
                new FutureTask<>(() -> state.getSerializedValue(null, null, null, null));
        new Thread(answer, "query").start();
        try {
            return answer.get();
        } catch (ExecutionException e) {
            throw (Exception) e.getCause();
        }
    }
}
