# What Python's Kubernetes client does with the API server: each step prints one line of JSON, for the test to compare.
import json
import sys
import threading

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

config.load_kube_config(sys.argv[1])
core = client.CoreV1Api()
apps = client.AppsV1Api()
networking = client.NetworkingV1Api()
custom = client.CustomObjectsApi()
namespace = "python"


def tell(step, value):
    print(json.dumps({step: value}), flush=True)


def refused(step, call):
    try:
        call()
        tell(step, "nothing was refused")
    except ApiException as error:
        status = json.loads(error.body)
        tell(step, [error.status, status["reason"], status["message"]])


def pod(name, **labels):
    container = client.V1Container(name="main", image="shop/main", ports=[client.V1ContainerPort(container_port=80)])
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name=name, labels=labels),
        # Nobody binds it: all that happens to it is what happens here.
        spec=client.V1PodSpec(containers=[container], scheduler_name="nobody"),
    )


def deployment(name):
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": name}),
        spec=client.V1PodSpec(containers=[client.V1Container(name="main", image="shop/main")]),
    )
    spec = client.V1DeploymentSpec(
        replicas=2, selector=client.V1LabelSelector(match_labels={"app": name}), template=template
    )
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=spec)


def seen(stream, count):
    events = []
    for event in stream:
        labels = event["object"].metadata.labels or {}
        events.append([event["type"], event["object"].metadata.name, labels.get("step")])
        if len(events) == count:
            break
    return events


# Typed objects go in, and come back as such.
core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
made = core.create_namespaced_pod(namespace, pod("a", app="web"))
tell("created", [type(made).__name__, made.metadata.name, made.spec.restart_policy, made.spec.containers[0].ports[0].protocol])
tell("times", type(made.metadata.creation_timestamp).__name__)
core.create_namespaced_pod(namespace, pod("b", app="db"))
service = client.V1Service(
    metadata=client.V1ObjectMeta(name="web"),
    spec=client.V1ServiceSpec(selector={"app": "web"}, ports=[client.V1ServicePort(port=80, target_port="http")]),
)
tell("service", core.create_namespaced_service(namespace, service).spec.cluster_ip.startswith("10.96."))
policy = client.V1NetworkPolicy(
    metadata=client.V1ObjectMeta(name="deny"), spec=client.V1NetworkPolicySpec(pod_selector=client.V1LabelSelector())
)
tell("policy", networking.create_namespaced_network_policy(namespace, policy).spec.policy_types)
core.create_namespaced_secret(
    namespace, client.V1Secret(metadata=client.V1ObjectMeta(name="hidden"), string_data={"p": "q"})
)
tell("secret", core.read_namespaced_secret("hidden", namespace).data)

# Lists: all, selected, in pages.
tell("list", [item.metadata.name for item in core.list_namespaced_pod(namespace).items])
tell("selected", [item.metadata.name for item in core.list_namespaced_pod(namespace, label_selector="app=db").items])
by_field = core.list_namespaced_pod(namespace, field_selector="metadata.name=a")
tell("fields", [item.metadata.name for item in by_field.items])
page = core.list_namespaced_pod(namespace, limit=1)
rest = core.list_namespaced_pod(namespace, limit=1, _continue=page.metadata._continue)
tell("pages", [page.items[0].metadata.name, page.metadata.remaining_item_count, rest.items[0].metadata.name])
tell("everywhere", "python" in {item.metadata.namespace for item in core.list_pod_for_all_namespaces().items})

# Patches: strategic by default, and the other two types.
apps.create_namespaced_deployment(namespace, deployment("web"))
strategic = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "shop/main:2"}]}}}}
patched = apps.patch_namespaced_deployment("web", namespace, strategic)
tell("strategic", [patched.spec.template.spec.containers[0].image, len(patched.spec.template.spec.containers)])


def patch_as(content_type, body):
    api = client.ApiClient()
    api.set_default_header("Content-Type", content_type)
    # The generated call chooses the type from the body; the header of one request is stronger.
    return api.call_api(
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
        "PATCH",
        {"namespace": namespace, "name": "web"},
        header_params={"Content-Type": content_type, "Accept": "application/json"},
        body=body,
        response_type="V1Deployment",
        auth_settings=["BearerToken"],
        _return_http_data_only=True,
    )


merged = patch_as("application/merge-patch+json", {"metadata": {"labels": {"a": "b"}}})
tell("merge", merged.metadata.labels)
changed = patch_as("application/json-patch+json", [{"op": "replace", "path": "/spec/replicas", "value": 3}])
tell("json", changed.spec.replicas)
scaled = apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 1}})
tell("scale", [type(scaled).__name__, scaled.spec.replicas])
config_map = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="settings"), data={"color": "red"})
core.create_namespaced_config_map(namespace, config_map)

# Reading, changing, writing back: the second of two loses.
mine = core.read_namespaced_config_map("settings", namespace)
theirs = core.read_namespaced_config_map("settings", namespace)
mine.data["size"] = "small"
core.replace_namespaced_config_map("settings", namespace, mine)
theirs.data["size"] = "large"
refused("conflict", lambda: core.replace_namespaced_config_map("settings", namespace, theirs))

# Watches: what happens after a list, resumed from where one ended.
version = core.list_namespaced_pod(namespace).metadata.resource_version


def act():
    core.create_namespaced_pod(namespace, pod("c", step="1"))
    core.patch_namespaced_pod("c", namespace, {"metadata": {"labels": {"step": "2"}}})
    core.delete_namespaced_pod("c", namespace, grace_period_seconds=0)


watcher = watch.Watch()
threading.Timer(0.2, act).start()
stream = watcher.stream(
    core.list_namespaced_pod,
    namespace,
    resource_version=version,
    field_selector="metadata.name=c",
    timeout_seconds=20,
)
tell("watch", seen(stream, 3))
again = watch.Watch().stream(
    core.list_namespaced_pod,
    namespace,
    resource_version=version,
    field_selector="metadata.name=c",
    timeout_seconds=20,
)
tell("resumed", seen(again, 3))
initial = watch.Watch().stream(core.list_namespaced_pod, namespace, label_selector="app,!pod-template-hash", timeout_seconds=1)
tell("initial", sorted(event["object"].metadata.name for event in initial if event["type"] == "ADDED"))
# The server's memory is short in this test: a watch from before these changes has to start over.
for number in range(100):
    core.patch_namespaced_config_map("settings", namespace, {"data": {"number": str(number)}})
try:
    for _ in watch.Watch().stream(core.list_namespaced_pod, namespace, resource_version=version, timeout_seconds=5):
        pass
    tell("old", "nothing was refused")
except ApiException as error:
    tell("old", error.status)

# What is refused is a Status.
refused("missing", lambda: core.read_namespaced_pod("none", namespace))
refused("twice", lambda: core.create_namespaced_pod(namespace, pod("a")))
refused("name", lambda: core.create_namespaced_pod(namespace, pod("Bad_Name")))

# Custom resources, and what one may do.
properties = {"spec": client.V1JSONSchemaProps(type="object", x_kubernetes_preserve_unknown_fields=True)}
version_v1 = client.V1CustomResourceDefinitionVersion(
    name="v1",
    served=True,
    storage=True,
    schema=client.V1CustomResourceValidation(
        open_apiv3_schema=client.V1JSONSchemaProps(type="object", properties=properties)
    ),
)
definition = client.V1CustomResourceDefinition(
    metadata=client.V1ObjectMeta(name="widgets.example.com"),
    spec=client.V1CustomResourceDefinitionSpec(
        group="example.com",
        scope="Namespaced",
        names=client.V1CustomResourceDefinitionNames(plural="widgets", kind="Widget"),
        versions=[version_v1],
    ),
)
defined = client.ApiextensionsV1Api().create_custom_resource_definition(definition)
tell("defined", [condition.type for condition in defined.status.conditions if condition.status == "True"])
widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "small"}, "spec": {"size": 3}}
custom.create_namespaced_custom_object("example.com", "v1", namespace, "widgets", widget)
grown = custom.patch_namespaced_custom_object(
    "example.com", "v1", namespace, "widgets", "small", {"spec": {"size": 4}}
)
tell("custom", grown["spec"]["size"])
listed = custom.list_namespaced_custom_object("example.com", "v1", namespace, "widgets")
tell("customs", [item["metadata"]["name"] for item in listed["items"]])
review = client.V1SelfSubjectAccessReview(
    spec=client.V1SelfSubjectAccessReviewSpec(
        resource_attributes=client.V1ResourceAttributes(verb="list", resource="pods", namespace=namespace)
    )
)
tell("allowed", client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed)
tell("groups", "networking.k8s.io" in [group.name for group in client.ApisApi().get_api_versions().groups])
tell("version", client.VersionApi().get_code().major)

# Deletion, one and all.
apps.delete_namespaced_deployment("web", namespace, propagation_policy="Foreground")
core.delete_collection_namespaced_config_map(namespace)
tell("deleted", [item.metadata.name for item in core.list_namespaced_config_map(namespace).items if item.metadata.name == "settings"])
