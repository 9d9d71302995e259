// The defaults that Kubernetes' API server fills in and that do not depend on anything else in the object.
// Source: the Kubernetes API reference, "Defaults to …" at each field; release 1.30.

type Defaults = Readonly<Record<string, unknown>>;

const core = "io.k8s.api.core.v1";
const apps = "io.k8s.api.apps.v1";
const batch = "io.k8s.api.batch.v1";
const networking = "io.k8s.api.networking.v1";

const container: Defaults = {
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
};
/** Modes of files in volumes: 0644. */
const fileMode = 0o644;

/** By type and field. A default applies wherever the type is used, so also in templates of pods. */
export const defaultsOfTypes: Readonly<Record<string, Defaults>> = {
  [`${core}.PodSpec`]: {
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    schedulerName: "default-scheduler",
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    enableServiceLinks: true,
  },
  [`${core}.Container`]: { ...container, resources: {} },
  [`${core}.EphemeralContainer`]: container,
  [`${core}.Probe`]: { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
  [`${core}.HTTPGetAction`]: { path: "/", scheme: "HTTP" },
  [`${core}.GRPCAction`]: { service: "" },
  [`${core}.ObjectFieldSelector`]: { apiVersion: "v1" },
  [`${core}.ConfigMapVolumeSource`]: { defaultMode: fileMode },
  [`${core}.SecretVolumeSource`]: { defaultMode: fileMode },
  [`${core}.DownwardAPIVolumeSource`]: { defaultMode: fileMode },
  [`${core}.ProjectedVolumeSource`]: { defaultMode: fileMode },
  [`${core}.ServiceAccountTokenProjection`]: { expirationSeconds: 3600 },
  [`${core}.HostPathVolumeSource`]: { type: "" },
  [`${core}.ServiceSpec`]: { type: "ClusterIP", sessionAffinity: "None" },
  [`${core}.ClientIPConfig`]: { timeoutSeconds: 10_800 },
  [`${core}.Secret`]: { type: "Opaque" },

  [`${networking}.NetworkPolicyPort`]: { protocol: "TCP" },

  [`${apps}.DeploymentSpec`]: { replicas: 1, strategy: {}, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 },
  [`${apps}.DeploymentStrategy`]: { type: "RollingUpdate" },
  [`${apps}.ReplicaSetSpec`]: { replicas: 1 },
  [`${apps}.StatefulSetSpec`]: {
    replicas: 1,
    podManagementPolicy: "OrderedReady",
    revisionHistoryLimit: 10,
    updateStrategy: {},
    persistentVolumeClaimRetentionPolicy: {},
  },
  [`${apps}.StatefulSetUpdateStrategy`]: { type: "RollingUpdate" },
  [`${apps}.StatefulSetPersistentVolumeClaimRetentionPolicy`]: { whenDeleted: "Retain", whenScaled: "Retain" },
  [`${apps}.DaemonSetSpec`]: { revisionHistoryLimit: 10, updateStrategy: {} },
  [`${apps}.DaemonSetUpdateStrategy`]: { type: "RollingUpdate" },

  [`${batch}.JobSpec`]: { backoffLimit: 6, completionMode: "NonIndexed", suspend: false, parallelism: 1 },
  [`${batch}.CronJobSpec`]: {
    concurrencyPolicy: "Allow",
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  },
};
